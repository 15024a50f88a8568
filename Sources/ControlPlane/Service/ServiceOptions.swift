import HTTPHosting
import RelayModel

/// Where a listener accepts connections; named here for the executable, which sees only this target.
package typealias ListenAddress = HTTPHosting.ListenAddress

/// A command that answers datagrams, and its name; named here for the same reason.
package typealias Handler = RelayModel.Handler
package typealias HandlerName = RelayModel.HandlerName

/// An IP address; named here for the same reason.
package typealias IPAddress = RelayModel.IPAddress

/// How TCP listeners speak TLS; named here for the same reason.
package typealias TLSSettings = HTTPHosting.TLSSettings

/// What the person who starts the daemon chooses.
package struct ServiceOptions: Sendable, Equatable {
    /// The version of the daemon (semver.org), as `--version` and GET /v1/server report it.
    package static let version = "0.1.0"

    /// The addresses and TCP ports to serve on; may be empty if there is a unix socket.
    package var listen: [ListenAddress] = [.tcp(address: "127.0.0.1", port: 8080)]

    /// The path of a unix socket to serve on as well, at most 107 bytes (unix(7)); nil for none.
    package var unixSocket: String?

    /// The directory of the database, made if it is missing; relative to the working directory.
    package var dataDirectory = "relaycast-data"

    /// Host names accepted in the Host field besides the loopback names, in lower case.
    package var allowedHosts: Set<String> = []

    /// Origins (RFC 6454) of web pages that may use the service from elsewhere, in lower case.
    package var allowedOrigins: Set<String> = []

    /// Whom the service believes.
    package var authority = AuthorityOptions()

    /// Which sessions may be at all.
    package var policy = SessionPolicy()

    /// How the TCP listeners encrypt; nil for not at all.
    package var tls: TLSSettings?

    /// The `sessions` of the configuration file, as they stand there.
    package var configuredSessions: [JSONValue] = []

    /// The commands that sessions may have answer; they are declared here and nowhere else.
    package var handlers: [HandlerName: Handler] = [:]

    /// The addresses of other relays between the same networks, at most `relaysMax`: what they send
    /// to groups and broadcast addresses has been relayed, and is not relayed again.
    package var relays: Set<IPAddress> = []
    package static let relaysMax = 64

    /// How much the daemon takes on.
    package var limits = ServiceLimits()

    /// The defaults.
    package init() {}
}

extension TLSSettings {
    /// Why a listener would not start with these, as a sentence; nil if it would.
    package var refusal: String? {
        do throws(ListenerError) {
            try check()
            return nil
        } catch {
            return error.sentence
        }
    }
}
