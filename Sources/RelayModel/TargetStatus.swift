/// How a forward target with a socket of its own fares.
package struct TargetStatus: Hashable, Sendable {
    /// Why nothing can be sent to it for now; nil = it can.
    package let reason: SessionError?
    /// The outbound interface.
    package let interface: InterfaceReference?
    /// What the socket is bound to.
    package let localAddress: Endpoint?

    package init(
        reason: SessionError? = nil,
        interface: InterfaceReference? = nil,
        localAddress: Endpoint? = nil
    ) {
        self.reason = reason
        self.interface = interface
        self.localAddress = localAddress
    }
}
