/// The other end of a connection, as the kernel knows it.
package struct Peer: Sendable, Equatable {
    /// The client's IP address as text; absent on a unix socket.
    package var address: String?

    /// The client's TCP port; absent on a unix socket.
    package var port: UInt16?

    /// Who connected to a unix socket; absent on TCP.
    package var credentials: Credentials?

    /// Whom the client's certificate, which was verified, is about: `CN=ada,O=Relay` (RFC 4514);
    /// absent where none was asked for.
    package var clientCertificateSubject: String?

    /// Process, user and group at the time of connect(2): SO_PEERCRED, unix(7).
    package struct Credentials: Sendable, Equatable {
        /// The connecting process; 0 when it lives in another process namespace.
        package var processID: Int32

        /// The effective user of the connecting process.
        package var userID: UInt32

        /// The effective group of the connecting process.
        package var groupID: UInt32

        /// Credentials made by hand, for tests.
        package init(processID: Int32, userID: UInt32, groupID: UInt32) {
            self.processID = processID
            self.userID = userID
            self.groupID = groupID
        }
    }

    /// A peer made by hand, for tests without a socket.
    package init(
        address: String? = nil,
        port: UInt16? = nil,
        credentials: Credentials? = nil,
        clientCertificateSubject: String? = nil
    ) {
        self.clientCertificateSubject = clientCertificateSubject
        self.address = address
        self.port = port
        self.credentials = credentials
    }
}

extension Peer {
    /// Whether the client's IP address is one that only this host itself can have: 127.0.0.0/8 or
    /// ::1. False for a unix socket, which has no address.
    package var isLoopback: Bool {
        guard let address else { return false }
        return address.hasPrefix("127.") || address == "::1" || address.hasPrefix("::ffff:127.")
    }
}

extension Peer: CustomStringConvertible {
    /// For logs: `127.0.0.1:50312`, or `pid 812 uid 1000`.
    package var description: String {
        if let credentials {
            return "pid \(credentials.processID) uid \(credentials.userID)"
        }
        guard let address else { return "unknown" }
        let host = address.contains(":") ? "[\(address)]" : address
        return "\(host):\(port ?? 0)"
    }
}
