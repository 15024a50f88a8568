import RelayModel

/// What a session lets in: plain values, so that the relay thread decides in nanoseconds.
struct DatagramFilter {
    private let accept: DestinationClassSet
    private let sources: SourceRules
    private let requiredSourcePort: UInt16
    /// The interface that datagrams must come in by; 0 = any.
    private let interfaceIndex: Int32
    /// The addresses of that interface, and whether it has none of the session's family.
    private let ownAddresses: [IPAddress]
    private let isUnnumbered: Bool
    private let hostModel: HostModel
    private let host: HostInterfaces

    init(_ session: RelaySession, _ host: HostInterfaces) {
        self.init(session.definition, interfaceIndex: session.path.interface?.index ?? 0, host)
    }

    init(_ definition: SessionDefinition, interfaceIndex: Int32, _ host: HostInterfaces) {
        accept = definition.accept
        sources = SourceRules(allow: definition.allow, deny: definition.deny)
        requiredSourcePort = definition.requireSourcePort
        hostModel = definition.hostModel
        let index = definition.joins || definition.interface != nil ? interfaceIndex : 0
        self.interfaceIndex = index
        ownAddresses = host.addresses(of: index)
        isUnnumbered = !ownAddresses.contains { $0.family == definition.family }
        self.host = host
    }

    /// What may answer the questions of a target: unicast, by the interface that the target names, as
    /// for a session that names it.
    init(
        answersTo target: ForwardEndpoint,
        interfaceIndex: Int32,
        _ hostModel: HostModel,
        _ host: HostInterfaces
    ) {
        accept = [.unicast]
        sources = SourceRules(allow: [], deny: [])
        requiredSourcePort = 0
        self.hostModel = hostModel
        let index = target.interface == nil ? 0 : interfaceIndex
        self.interfaceIndex = index
        ownAddresses = host.addresses(of: index)
        isUnnumbered = !ownAddresses.contains { $0.family == target.address.family }
        self.host = host
    }

    /// Why the datagram is dropped, by where it was sent to and came in; nil = it goes on. Reasons
    /// are looked for in this order: malformed, destination class, interface. It may look only at
    /// what the datagrams of a run have in common (`ReceiveBatch.endOfRun`).
    @inline(__always)
    func dropReason(ofDestination datagram: ReceivedDatagram) -> DropReason? {
        guard let destinationClass = datagram.destinationClass else { return .malformed }
        guard accept.contains(destinationClass) else { return .destinationClass }
        if interfaceIndex == 0 && !host.isRestricted { return nil }
        let isAdmitted =
            destinationClass == .unicast
            ? admitsUnicast(datagram) : admitsArrival(by: datagram.interfaceIndex)
        return isAdmitted ? nil : .interface
    }

    private func admitsArrival(by index: Int32) -> Bool {
        (interfaceIndex == 0 || index == interfaceIndex) && host.admits(index)
    }

    /// Whether unicast came in by an interface that it may come in by, for an address that it may be
    /// for (RFC 1122, 3.3.4.2).
    private func admitsUnicast(_ datagram: ReceivedDatagram) -> Bool {
        guard let address = datagram.localAddress else { return false }
        let index = datagram.interfaceIndex
        if index == interfaceIndex && ownAddresses.contains(address) { return host.admits(index) }
        let owners = host.owners(of: address)
        let isLocal = isLocal(datagram)
        let isAdmitted =
            host.admits(index)
            || isLocal && (host.admitsAny(of: owners) || host.admits(host.loopbackIndex))
        guard isAdmitted else { return false }
        if interfaceIndex == 0 || hostModel == .weak { return true }
        // A session on the loopback interface is for this host. Its answers come to the address of
        // another interface: the kernel sends groups from no address of the scope host.
        if isLocal && interfaceIndex == host.loopbackIndex { return true }
        if index == interfaceIndex {
            // An interface without addresses sends from those of others. An address that no
            // interface is known to have is one by a local route, or a new one.
            return isUnnumbered || owners.isEmpty || owners.contains(interfaceIndex)
        }
        return isLocal && owners.contains(interfaceIndex)
    }

    /// Whether this host itself has sent it. It then counts as come in by the loopback interface and
    /// by the interface that has the address, which is mostly what the kernel says (IP_PKTINFO,
    /// ip(7)). Of IPv4 no other host can have sent it: the kernel drops what comes from elsewhere
    /// with a source of ours ("martian source").
    private func isLocal(_ datagram: ReceivedDatagram) -> Bool {
        if datagram.interfaceIndex == host.loopbackIndex { return true }
        let source = datagram.sourceAddress
        return source.family == .ipv4 && !host.owners(of: source).isEmpty
    }

    /// Why the datagram is dropped, by where it came from, once it is known to be no copy of the
    /// session's own; nil = it goes on. Reasons are looked for in this order: source, source port. It
    /// may look only at what the datagrams of a run have in common (`ReceiveBatch.endOfRun`).
    @inline(__always)
    func dropReason(ofSource datagram: ReceivedDatagram) -> DropReason? {
        if !sources.admit(datagram.sourceAddress) { return .source }
        if requiredSourcePort != 0 && datagram.sourcePort != requiredSourcePort {
            return .sourcePort
        }
        return nil
    }
}
