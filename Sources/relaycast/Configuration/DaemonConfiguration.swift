import ControlPlane
import Logging

/// Everything that can be configured, with its defaults.
struct DaemonConfiguration: Sendable {
    /// What the service is told.
    var options = ServiceOptions()
    /// Who may use the API, in a file; nil for none.
    var tokensFile: String?
    /// The server's certificate, its key, and what clients' certificates are checked with, in files.
    var tlsCertificate: String?
    var tlsKey: String?
    var tlsClientCA: String?
    /// Whether another program stands between the network and the daemon and does TLS for it.
    var isBehindProxy = false
    /// The least severe events that are logged.
    var logLevel = Logger.Level.info
    /// How a line of the log looks.
    var logFormat = LogFormat.text
}
