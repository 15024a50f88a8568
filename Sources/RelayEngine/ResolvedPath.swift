import RelayModel

/// The interface a session uses and the endpoint it sends to, as the host is now.
struct ResolvedPath: Hashable, Sendable {
    /// nil only for a broadcast receiver on every interface.
    let interface: InterfaceReference?
    /// Where posted datagrams go; nil for sessions that only receive.
    let destination: Endpoint?
    /// The address that the definition asks to be used, while the interface has it: that of
    /// everything that is sent, but for the answers to unicast; nil = the kernel's choice.
    let source: IPAddress?
    /// Whom posted broadcasts reach; nil = the destination is no broadcast address.
    let audience: Reflection.Audience?
    /// The largest payload that can be a segment (udp(7), UDP_SEGMENT); 0 = unknown.
    let segmentMax: Int
    /// Whether the destination is neither a group nor a broadcast address, as far as this host can
    /// tell.
    let sendsToHost: Bool

    /// Finds the interface that the definition names, or that the kernel's routing table names
    /// for the destination, and from it the destination.
    ///
    /// Throws `interface-unavailable` and `network-unreachable`.
    static func resolve(
        _ definition: SessionDefinition,
        interfaces: [NetworkInterface]
    ) throws(SessionError) -> ResolvedPath {
        let use = LinkUse(definition)
        let interface = try findInterface(definition, use, interfaces)
        if let interface { try use.checkRoute(by: interface) }
        let destination = try destination(definition, use, interface)
        return ResolvedPath(
            interface: interface.map(use.reference),
            destination: destination,
            source: interface.flatMap(use.source),
            audience: audience(of: destination, by: interface),
            segmentMax: EgressPath.segmentMax(interface, definition.family),
            sendsToHost: isHost(destination, interfaces)
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
        let use = LinkUse(definition)
        // Without a broadcast address for the moment there is nowhere to send to.
        let destination = try? Self.destination(definition, use, found)
        return ResolvedPath(
            interface: use.reference(to: found),
            destination: destination,
            source: use.source(on: found),
            audience: Self.audience(of: destination, by: found),
            segmentMax: EgressPath.segmentMax(found, definition.family),
            sendsToHost: Self.isHost(destination, interfaces)
        )
    }

    private static func isHost(
        _ destination: Endpoint?,
        _ interfaces: [NetworkInterface]
    ) -> Bool {
        destination.map { EgressPath.isHost($0.address, interfaces) } ?? false
    }

    /// Of which datagrams the network's reports count.
    ///
    /// - Parameter answers: whether the session's socket also sends answers, to any host.
    func reportedDestinations(answers: Bool) -> ReportedDestinations {
        guard let address = destination?.address else {
            return answers ? .hosts(notBroadcast: nil) : .none
        }
        // Without a broadcast route the kernel takes the address for a host's, and says when no host
        // has it.
        if sendsToHost { return answers ? .hosts(notBroadcast: nil) : .host(address) }
        return answers ? .hosts(notBroadcast: address) : .none
    }

    private static func audience(
        of destination: Endpoint?,
        by interface: NetworkInterface?
    ) -> Reflection.Audience? {
        guard let destination, let interface else { return nil }
        return Reflection.Audience(ofBroadcast: destination.address, by: interface)
    }

    private static func findInterface(
        _ definition: SessionDefinition,
        _ use: LinkUse,
        _ interfaces: [NetworkInterface]
    ) throws(SessionError) -> NetworkInterface? {
        if let named = try use.select(from: interfaces) { return named }
        if use.destination == nil && definition.role == .receiver { return nil }
        let index =
            if let target = use.destination { try routeIndex(to: target) } else {
                try broadcastRouteIndex()
            }
        guard let interface = interfaces.first(where: { $0.index == index }) else {
            throw SessionError(.interfaceUnavailable, "interface \(index) has just gone; try again")
        }
        if let fault = use.fault(of: interface) { throw fault }
        return interface
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
        _ use: LinkUse,
        _ interface: NetworkInterface?
    ) throws(SessionError) -> Endpoint? {
        guard definition.sends, let interface else { return nil }
        if let group = definition.group {
            let scopeID = group.needsInterface ? UInt32(interface.index) : 0
            return Endpoint(group, port: definition.port, scopeID: scopeID)
        }
        if let address = definition.address { return Endpoint(address, port: definition.port) }
        guard let broadcast = use.broadcast(on: interface) else {
            throw LinkUse.hasNoBroadcast(interface.name)
        }
        return Endpoint(broadcast, port: definition.port)
    }
}
