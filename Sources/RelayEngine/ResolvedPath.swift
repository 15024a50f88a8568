import RelayModel

/// The interface a session uses and the endpoint it sends to, as the host is now.
struct ResolvedPath: Hashable, Sendable {
    /// nil only for a broadcast receiver on every interface.
    let interface: InterfaceReference?
    /// Where posted datagrams go; nil for sessions that only receive.
    let destination: Endpoint?
    /// The largest payload that can be a segment (udp(7), UDP_SEGMENT); 0 = unknown.
    let segmentMax: Int

    /// Finds the interface that the definition names, or that the kernel's routing table names
    /// for the destination, and from it the destination.
    ///
    /// Throws `interface-unavailable` and `network-unreachable`.
    static func resolve(
        _ definition: SessionDefinition,
        interfaces: [NetworkInterface]
    ) throws(SessionError) -> ResolvedPath {
        let interface = try findInterface(definition, interfaces)
        return ResolvedPath(
            interface: interface.map { reference($0, definition) },
            destination: try destination(definition, interface),
            segmentMax: EgressPath.segmentMax(interface, definition.family)
        )
    }

    /// The path of a session that runs, as the host is now: the interface is kept by its index,
    /// whatever it is called and whichever addresses it carries. nil when it has gone.
    func refreshed(
        _ definition: SessionDefinition,
        interfaces: [NetworkInterface]
    ) -> ResolvedPath? {
        guard let index = interface?.index else { return self }
        guard let found = interfaces.first(where: { $0.index == index }) else { return nil }
        return ResolvedPath(
            interface: Self.reference(found, definition),
            // Without a broadcast address for the moment, the old one is as good as none.
            destination: (try? Self.destination(definition, found)) ?? destination,
            segmentMax: EgressPath.segmentMax(found, definition.family)
        )
    }

    private static func reference(
        _ interface: NetworkInterface,
        _ definition: SessionDefinition
    ) -> InterfaceReference {
        InterfaceReference(
            name: interface.name,
            index: interface.index,
            address: interface.address(of: definition.family)
        )
    }

    private static func findInterface(
        _ definition: SessionDefinition,
        _ interfaces: [NetworkInterface]
    ) throws(SessionError) -> NetworkInterface? {
        if let selector = definition.interface {
            return try select(selector, from: interfaces)
        }
        let target = definition.group ?? definition.address
        if target == nil && definition.role == .receiver { return nil }
        let index =
            if let target { try routeIndex(to: target) } else { try broadcastRouteIndex() }
        guard let interface = interfaces.first(where: { $0.index == index }) else {
            throw SessionError(.interfaceUnavailable, "interface \(index) has just gone; try again")
        }
        return interface
    }

    static func select(
        _ selector: InterfaceSelector,
        from interfaces: [NetworkInterface]
    ) throws(SessionError) -> NetworkInterface {
        let match = interfaces.first { interface in
            switch selector {
            case .name(let name): interface.name == name
            case .address(let address): interface.addresses.contains { $0.address == address }
            }
        }
        guard let match else {
            let names = interfaces.map(\.name).joined(separator: ", ")
            let what =
                switch selector {
                case .name(let name): "there is no interface \(name)"
                case .address(let address): "no interface has the address \(address)"
                }
            throw SessionError(
                .interfaceUnavailable,
                "\(what); this host has \(names)",
                errno: "ENODEV"
            )
        }
        guard match.flags.contains(.up) else {
            throw SessionError(
                .interfaceUnavailable,
                "interface \(match.name) is down; set it up",
                errno: "ENETDOWN"
            )
        }
        return match
    }

    static func routeIndex(to target: IPAddress) throws(SessionError) -> Int32 {
        do {
            return try HostNetwork.routeInterface(to: target)
        } catch {
            throw SessionError(
                .networkUnreachable,
                "no route to \(target) (\(error.name)); name the interface, or add a route",
                errno: error.name
            )
        }
    }

    /// The interface that broadcasts leave by when the definition names neither it nor an address.
    private static func broadcastRouteIndex() throws(SessionError) -> Int32 {
        do {
            return try HostNetwork.routeInterface(to: .limitedBroadcast)
        } catch {
            throw SessionError(
                .networkUnreachable,
                "no default route (\(error.name)), so broadcasts need `interface` or `address`",
                errno: error.name
            )
        }
    }

    private static func destination(
        _ definition: SessionDefinition,
        _ interface: NetworkInterface?
    ) throws(SessionError) -> Endpoint? {
        guard definition.sends, let interface else { return nil }
        if let group = definition.group {
            let scopeID = group.needsInterface ? UInt32(interface.index) : 0
            return Endpoint(group, port: definition.port, scopeID: scopeID)
        }
        if let address = definition.address { return Endpoint(address, port: definition.port) }
        guard let broadcast = interface.addresses.lazy.compactMap(\.broadcast).first else {
            throw SessionError(
                .interfaceUnavailable,
                "interface \(interface.name) has no IPv4 broadcast address; give `address`"
            )
        }
        return Endpoint(broadcast, port: definition.port)
    }
}
