import RelayModel

/// What a session lets in: plain values, so that the relay thread decides in nanoseconds.
struct DatagramFilter {
    private let accept: DestinationClassSet
    private let sources: SourceRules
    private let requiredSourcePort: UInt16
    /// The interface that groups and broadcasts must come in by; 0 = any.
    private let interfaceIndex: Int32

    init(_ session: RelaySession) {
        self.init(session.definition, interfaceIndex: session.path.interface?.index ?? 0)
    }

    init(_ definition: SessionDefinition, interfaceIndex: Int32) {
        accept = definition.accept
        sources = SourceRules(allow: definition.allow, deny: definition.deny)
        requiredSourcePort = definition.requireSourcePort
        self.interfaceIndex =
            definition.joins || definition.interface != nil ? interfaceIndex : 0
    }

    /// Why the datagram is dropped, by where it was sent to and came in; nil = it goes on. Reasons
    /// are looked for in this order: malformed, destination class, interface. It may look only at
    /// what `ReceivedDatagram.hasOrigin` compares.
    @inline(__always)
    func dropReason(ofDestination datagram: ReceivedDatagram) -> DropReason? {
        guard let destinationClass = datagram.destinationClass else { return .malformed }
        guard accept.contains(destinationClass) else { return .destinationClass }
        if interfaceIndex == 0 || datagram.interfaceIndex == interfaceIndex { return nil }
        switch destinationClass {
        case .unicast: return nil
        case .multicast, .broadcast: return .interface
        }
    }

    /// Why the datagram is dropped, by where it came from, once it is known to be no copy of the
    /// session's own; nil = it goes on. Reasons are looked for in this order: source, source port. It
    /// may look only at what `ReceivedDatagram.hasOrigin` compares.
    @inline(__always)
    func dropReason(ofSource datagram: ReceivedDatagram) -> DropReason? {
        if !sources.admit(datagram.sourceAddress) { return .source }
        if requiredSourcePort != 0 && datagram.sourcePort != requiredSourcePort {
            return .sourcePort
        }
        return nil
    }
}
