import RelayModel

/// How a session, or a target of `forward`, uses an interface: what it must have for that, and which
/// of its addresses datagrams leave by.
///
/// One rule for both, and for IPv4 and IPv6: a name or an address says which interface, when the
/// session or target is opened. From then on the interface is kept by its index until it goes,
/// whatever it is called and whichever addresses it has.
struct LinkUse {
    let family: IPAddress.Family
    /// How the interface was named; nil = the route chose it.
    let selector: InterfaceSelector?
    /// Where datagrams go to: a group, a host, or a broadcast address; nil = the interface's own
    /// broadcast address, or nowhere.
    let destination: IPAddress?
    /// Whether datagrams are sent there.
    let sends: Bool
    /// Whether there is nothing to do without the group: all goes there, or came there.
    private let needsGroup: Bool

    init(_ definition: SessionDefinition) {
        family = definition.family
        selector = definition.interface
        destination = definition.group ?? definition.address
        sends = definition.sends
        needsGroup = definition.sends || !definition.accept.contains(.unicast)
    }

    init(_ endpoint: ForwardEndpoint) {
        family = endpoint.address.family
        selector = endpoint.interface
        destination = endpoint.address
        sends = true
        needsGroup = true
    }

    // MARK: - Which interface

    /// The interface that the selector names.
    func select(from interfaces: [NetworkInterface]) throws(SessionError) -> NetworkInterface? {
        guard let selector else { return nil }
        let match = interfaces.first { interface in
            switch selector {
            case .name(let name): interface.name == name
            case .address: interface.entry(named: selector) != nil
            }
        }
        guard let match else { throw Self.notFound(selector, interfaces) }
        if let fault = fault(of: match) { throw fault }
        // By this address, not just by any: until it can be used there is nothing to send from.
        if sends, let entry = match.entry(named: selector), !entry.isUsable {
            throw Self.cannotSend(from: [entry], on: match)
        }
        return match
    }

    private static func notFound(
        _ selector: InterfaceSelector,
        _ interfaces: [NetworkInterface]
    ) -> SessionError {
        let names = interfaces.map(\.name).joined(separator: ", ")
        let what =
            switch selector {
            case .name(let name): "there is no interface \(name)"
            case .address(let address): "no interface has the address \(address)"
            }
        let detail = "\(what); this host has \(names)"
        return SessionError(.interfaceUnavailable, detail, errno: "ENODEV")
    }

    // MARK: - What it must have

    /// Why the interface cannot be used as it is now; nil = it can be.
    func fault(of interface: NetworkInterface) -> SessionError? {
        guard interface.flags.contains(.up) else {
            let detail = "interface \(interface.name) is down; set it up"
            return SessionError(.interfaceUnavailable, detail, errno: "ENETDOWN")
        }
        if family == .ipv4 {
            let isLost = sends && destination == nil && broadcast(on: interface) == nil
            return isLost ? Self.hasNoBroadcast(interface.name) : nil
        }
        guard interface.hasIPv6 else {
            let detail =
                "IPv6 is switched off on interface \(interface.name); "
                + "set net.ipv6.conf.\(interface.name).disable_ipv6 to 0"
            return SessionError(.interfaceUnavailable, detail, errno: "EADDRNOTAVAIL")
        }
        // Hosts elsewhere may be sent to from an address of another interface (RFC 6724, 4).
        guard sends, destination?.isMulticast == true || destination?.needsInterface == true else {
            return nil
        }
        let entries = interface.addresses.filter { $0.address.family == .ipv6 }
        return entries.contains(where: \.isUsable)
            ? nil : Self.cannotSend(from: entries, on: interface)
    }

    static func hasNoBroadcast(_ name: String) -> SessionError {
        let detail = "interface \(name) has no IPv4 broadcast address; give `address`"
        return SessionError(.interfaceUnavailable, detail)
    }

    private static func cannotSend(
        from entries: [NetworkInterface.Address],
        on interface: NetworkInterface
    ) -> SessionError {
        let detail =
            if let duplicate = entries.first(where: { $0.flags.contains(.duplicate) }) {
                "another host has the address \(duplicate.address) of interface "
                    + "\(interface.name) (duplicate address detection, RFC 4862); give it another"
            } else if let tentative = entries.first {
                "the address \(tentative.address) of interface \(interface.name) cannot be sent "
                    + "from before duplicate address detection is over (RFC 4862), in a second or two"
            } else {
                "interface \(interface.name) has no IPv6 address; set its carrier up, or add one"
            }
        return SessionError(.interfaceUnavailable, detail, errno: "EADDRNOTAVAIL")
    }

    /// Throws where the interface is the loopback one, and the group is one of IPv6: only a local
    /// route delivers those there.
    func checkRoute(by interface: NetworkInterface) throws(SessionError) {
        guard interface.flags.contains(.loopback), family == .ipv6, needsGroup,
            let group = destination, group.isMulticast
        else { return }
        if let route = try? HostNetwork.route(to: group, by: interface.index), route.isLocal {
            return
        }
        throw SessionError(
            .networkUnreachable,
            "no route to \(group) by interface \(interface.name) (ENETUNREACH); the loopback "
                + "interface has no IPv6 multicast: name another interface, or "
                + "ip -6 route add local \(group)/128 dev \(interface.name)",
            errno: "ENETUNREACH"
        )
    }

    // MARK: - Which address

    /// The address that the definition asks to send from, while the interface has it; nil = the
    /// kernel's choice.
    func source(on interface: NetworkInterface) -> IPAddress? {
        guard let entry = interface.entry(named: selector), entry.address.family == family,
            entry.isUsable
        else { return nil }
        return entry.address
    }

    /// The interface as it is shown: with the address that datagrams leave by, as far as it is known.
    func reference(to interface: NetworkInterface) -> InterfaceReference {
        InterfaceReference(
            name: interface.name,
            index: interface.index,
            address: source(on: interface) ?? kernelsChoice(on: interface)
        )
    }

    private func kernelsChoice(on interface: NetworkInterface) -> IPAddress? {
        let candidates = interface.addresses.filter { $0.address.family == family }
        if candidates.count > 1, let destination,
            let route = try? HostNetwork.route(to: destination, by: interface.index),
            let source = route.source, candidates.contains(where: { $0.address == source })
        {
            return source
        }
        return interface.address(of: family)
    }

    /// The broadcast address of the network that the named address is in; where the interface does not
    /// have that address, of its first network that has one. nil = there is none.
    func broadcast(on interface: NetworkInterface) -> IPAddress? {
        if let entry = interface.entry(named: selector) { return entry.broadcast }
        return interface.addresses.lazy.compactMap(\.broadcast).first
    }
}
