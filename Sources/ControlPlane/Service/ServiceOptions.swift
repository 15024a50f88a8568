import HTTPHosting

/// Where a listener accepts connections; named here for the executable, which sees only this target.
package typealias ListenAddress = HTTPHosting.ListenAddress

/// What the person who starts the daemon chooses.
package struct ServiceOptions: Sendable, Equatable {
    /// The version of the daemon (semver.org), as `--version` and GET /v1/server report it.
    package static let version = "0.1.0"

    /// The loopback addresses and TCP ports to serve on; may be empty if there is a unix socket.
    package var listen: [ListenAddress] = [.tcp(address: "127.0.0.1", port: 8080)]

    /// The path of a unix socket to serve on as well, at most 107 bytes (unix(7)); nil for none.
    package var unixSocket: String?

    /// The directory of the database, made if it is missing; relative to the working directory.
    package var dataDirectory = "relaycast-data"

    /// Host names accepted in the Host field besides the loopback names, in lower case.
    package var allowedHosts: Set<String> = []

    /// How much the daemon takes on.
    package var limits = ServiceLimits()

    /// The defaults.
    package init() {}
}
