import ControlPlane
import Logging

/// Everything that can be configured, with its defaults.
struct DaemonConfiguration: Sendable {
    /// What the service is told.
    var options = ServiceOptions()
    /// The least severe events that are logged.
    var logLevel = Logger.Level.info
    /// How a line of the log looks.
    var logFormat = LogFormat.text
}
