import RelayModel

/// The interface and endpoint of a forward target by address, as the host is now.
struct EgressPath: Hashable, Sendable {
    let interface: InterfaceReference
    let destination: Endpoint
    /// The interface to name for each datagram, because the route might be another; 0 = by route.
    let forcedInterfaceIndex: Int32
    /// The largest payload that can be a segment (udp(7), UDP_SEGMENT): what fits in the MTU.
    let segmentMax: Int
    /// Of which datagrams the network's reports count.
    let reportedDestinations: ReportedDestinations

    /// Finds the interface that the target names, or that the kernel's routing table names.
    ///
    /// Throws `interface-unavailable` and `network-unreachable`.
    static func resolve(
        _ endpoint: ForwardEndpoint,
        interfaces: [NetworkInterface]
    ) throws(SessionError) -> EgressPath {
        let interface = try findInterface(endpoint, interfaces)
        let scopeID = endpoint.address.needsInterface ? UInt32(interface.index) : 0
        // Groups leave by IP_MULTICAST_IF. The limited broadcast address has no route for a foreign
        // source.
        let isForced =
            !endpoint.address.isMulticast
            && (endpoint.interface != nil || endpoint.address == .limitedBroadcast)
        return EgressPath(
            interface: InterfaceReference(
                name: interface.name,
                index: interface.index,
                address: interface.address(of: endpoint.address.family)
            ),
            destination: Endpoint(endpoint.address, port: endpoint.port, scopeID: scopeID),
            forcedInterfaceIndex: isForced ? interface.index : 0,
            segmentMax: segmentMax(interface, endpoint.address.family),
            reportedDestinations: isHost(endpoint.address, interfaces)
                ? .host(endpoint.address) : .none
        )
    }

    /// Whether it is neither a group nor a broadcast address, as far as this host can tell.
    private static func isHost(_ address: IPAddress, _ interfaces: [NetworkInterface]) -> Bool {
        !address.isMulticast && address != .limitedBroadcast
            && !interfaces.contains { interface in
                interface.addresses.contains { $0.broadcast == address }
            }
    }

    /// What fits in the MTU beside the IP header without options and the UDP header (RFC 791,
    /// RFC 8200, RFC 768); 0 = unknown.
    static func segmentMax(_ interface: NetworkInterface?, _ family: IPAddress.Family) -> Int {
        max((interface?.mtu ?? 0) - (family == .ipv4 ? 28 : 48), 0)
    }

    private static func findInterface(
        _ endpoint: ForwardEndpoint,
        _ interfaces: [NetworkInterface]
    ) throws(SessionError) -> NetworkInterface {
        if let selector = endpoint.interface {
            return try ResolvedPath.select(selector, from: interfaces)
        }
        let index = try ResolvedPath.routeIndex(to: endpoint.address)
        guard let interface = interfaces.first(where: { $0.index == index }) else {
            throw SessionError(.interfaceUnavailable, "interface \(index) has just gone; try again")
        }
        return interface
    }
}
