import RelayModel

/// The interface and endpoint of a forward target by address, as the host is now.
struct EgressPath: Hashable, Sendable {
    let interface: InterfaceReference
    let destination: Endpoint
    let destinationClass: DestinationClass
    /// The interface to name for each datagram, because the route might be another; 0 = by route.
    let forcedInterfaceIndex: Int32
    /// The address to send from, because the target's interface is named by it; nil = the kernel's
    /// choice, or the sender's.
    let source: IPAddress?
    /// Whom a broadcast reaches; nil = the destination is no broadcast address.
    let audience: Reflection.Audience?
    /// The largest payload that can be a segment (udp(7), UDP_SEGMENT): what fits in the MTU.
    let segmentMax: Int
    /// Whether the destination is neither a group nor a broadcast address, as far as this host can
    /// tell.
    private let isHost: Bool
    /// Whether the interface is a loopback one.
    let isLoopback: Bool

    /// Finds the interface that the target names, or that the kernel's routing table names.
    ///
    /// Throws `interface-unavailable` and `network-unreachable`.
    static func resolve(
        _ endpoint: ForwardEndpoint,
        interfaces: [NetworkInterface]
    ) throws(SessionError) -> EgressPath {
        let use = LinkUse(endpoint)
        let interface = try findInterface(use, interfaces)
        try use.checkRoute(by: interface)
        return EgressPath(endpoint, by: interface, interfaces: interfaces)
    }

    /// The path of a target by an interface, as the host is now.
    init(
        _ endpoint: ForwardEndpoint,
        by interface: NetworkInterface,
        interfaces: [NetworkInterface]
    ) {
        let use = LinkUse(endpoint)
        let address = endpoint.address
        let scopeID = address.needsInterface ? UInt32(interface.index) : 0
        source = endpoint.sourceMode == .own ? use.source(on: interface) : nil
        // Groups leave by IP_MULTICAST_IF. The limited broadcast address has no route for a foreign
        // source, and a link-local source needs its interface (ipv6(7)).
        let isForced =
            source?.needsInterface == true
            || !address.isMulticast && (endpoint.interface != nil || address == .limitedBroadcast)
        self.interface = use.reference(to: interface)
        destination = Endpoint(address, port: endpoint.port, scopeID: scopeID)
        forcedInterfaceIndex = isForced ? interface.index : 0
        audience = Reflection.Audience(ofBroadcast: address, by: interface)
        segmentMax = Self.segmentMax(interface, address.family)
        isHost = Self.isHost(address, interfaces)
        isLoopback = interface.flags.contains(.loopback)
        if address.isMulticast {
            destinationClass = .multicast
        } else {
            destinationClass = isHost && audience == nil ? .unicast : .broadcast
        }
    }

    /// Of which datagrams the network's reports count.
    var reportedDestinations: ReportedDestinations {
        // Without a broadcast route the kernel takes a network address for a host's, and says when no
        // host has it.
        isHost ? .host(destination.address) : .none
    }

    /// Whether it is neither a group nor a broadcast address, as far as this host can tell.
    static func isHost(_ address: IPAddress, _ interfaces: [NetworkInterface]) -> Bool {
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
        _ use: LinkUse,
        _ interfaces: [NetworkInterface]
    ) throws(SessionError) -> NetworkInterface {
        if let named = try use.select(from: interfaces) { return named }
        guard let destination = use.destination else { preconditionFailure("a target has one") }
        let index = try ResolvedPath.routeIndex(to: destination)
        guard let interface = interfaces.first(where: { $0.index == index }) else {
            throw SessionError(.interfaceUnavailable, "interface \(index) has just gone; try again")
        }
        if let fault = use.fault(of: interface) { throw fault }
        return interface
    }
}
