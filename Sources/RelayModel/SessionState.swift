/// What a session is doing now.
package enum SessionState: String, Sendable, CaseIterable {
    case running
    /// For an interface or a route; it starts by itself when it can.
    case waiting
    case degraded
    case failed
    case disabled
}

/// A network interface as a session uses it.
package struct InterfaceReference: Hashable, Sendable {
    package let name: String
    /// The interface index (`if_nametoindex(3)`); sessions keep it, so a renumbering is harmless.
    package let index: Int32
    /// An address of the session's family that it carried when the session was opened.
    package let address: IPAddress?

    package init(name: String, index: Int32, address: IPAddress?) {
        self.name = name
        self.index = index
        self.address = address
    }
}

/// A session's state with what the system granted it.
package struct SessionStatus: Hashable, Sendable {
    package let state: SessionState
    package let since: Timestamp
    /// Why it is not running; nil exactly when it is running.
    @Boxed package private(set) var reason: SessionError?
    package let interface: InterfaceReference?
    /// What the socket is bound to.
    package let localAddress: Endpoint?
    /// Where posted datagrams go; nil for a session that only receives.
    package let destination: Endpoint?
    /// The receive buffer that the kernel granted: half of what SO_RCVBUF reports (socket(7)).
    package let receiveBufferBytes: Int?

    package init(
        _ state: SessionState,
        since: Timestamp,
        reason: SessionError? = nil,
        interface: InterfaceReference? = nil,
        localAddress: Endpoint? = nil,
        destination: Endpoint? = nil,
        receiveBufferBytes: Int? = nil
    ) {
        self.state = state
        self.since = since
        self.reason = reason
        self.interface = interface
        self.localAddress = localAddress
        self.destination = destination
        self.receiveBufferBytes = receiveBufferBytes
    }
}
