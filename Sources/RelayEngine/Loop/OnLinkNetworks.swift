import RelayModel

/// The networks that this host's interfaces are in, by which an asker is told to be a neighbour.
///
/// Made when the interfaces have changed, so that an answer needs no system call.
struct OnLinkNetworks: Hashable, Sendable {
    /// By the indexes of the interfaces.
    private var blocks: [Int32: [CIDRBlock]] = [:]
    private var broadcasts: Set<IPAddress> = [.limitedBroadcast]
    /// The addresses of this host.
    private(set) var own: Set<IPAddress> = []
    /// The IPv6 address that the kernel takes for what leaves by an interface to another than a
    /// link-local address, where it has no choice.
    private var single: [Int32: IPAddress] = [:]

    init(_ interfaces: [NetworkInterface] = []) {
        for interface in interfaces {
            for address in interface.addresses { add(address, of: interface.index) }
            let choices = interface.addresses.filter { address in
                address.address.family == .ipv6 && !address.address.needsInterface
                    && address.isUsable && !address.flags.contains(.deprecated)
            }
            if choices.count == 1 { single[interface.index] = choices[0].address }
        }
    }

    private mutating func add(_ address: NetworkInterface.Address, of index: Int32) {
        own.insert(address.address)
        if let broadcast = address.broadcast { broadcasts.insert(broadcast) }
        // A block of one has no neighbours.
        guard address.prefixLength < address.address.bitWidth,
            let block = CIDRBlock(address.address, prefixLength: address.prefixLength)
        else { return }
        let known = blocks[index] ?? []
        let isKnown = known.contains {
            $0.prefixLength == block.prefixLength && $0.contains(address.address)
        }
        if !isKnown { blocks[index] = known + [block] }
    }

    /// The interface that an answer leaves by: that of the question where the asker is on-link on it,
    /// as the same network may be on another one, too. 0 = by route.
    ///
    /// - Parameter index: the interface that the question came in by; 0 = unknown.
    func interface(toAnswer asker: Endpoint, askedBy index: Int32) -> Int32 {
        // A link-local sender: recvmsg(2) names its link (ipv6(7), sin6_scope_id).
        if asker.scopeID != 0 { return Int32(bitPattern: asker.scopeID) }
        guard index != 0, let blocks = blocks[index] else { return 0 }
        // What this host sends to itself goes by the loopback interface.
        if own.contains(asker.address) { return 0 }
        return blocks.contains { $0.contains(asker.address) } ? index : 0
    }

    /// The source address to name for an answer that leaves by an interface, 0 = by route; nil = the
    /// kernel's choice.
    ///
    /// For an IPv6 datagram with a source the interface is no more than a preference: a route of a
    /// lower metric by another one wins (`ip6_route_output_flags`). Without a source it is binding,
    /// and the kernel takes an address of that interface (RFC 6724, rule 5).
    ///
    /// - Parameter address: where the question was sent to, if that is an address of this host.
    func source(
        _ address: IPAddress?,
        toAnswer asker: IPAddress,
        by index: Int32
    ) -> IPAddress? {
        guard let address, address.family == .ipv6, index != 0 else { return address }
        // A link-local destination is bound to its interface in any case.
        if asker.needsInterface { return address }
        return single[index] == address ? nil : address
    }

    /// Whether it is a broadcast address, of whichever interface.
    func isBroadcast(_ address: IPAddress) -> Bool { broadcasts.contains(address) }
}
