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
    /// link-local address, where it has no choice, and another interface is in the same network.
    private var single: [Int32: IPAddress] = [:]

    init(_ interfaces: [NetworkInterface] = []) {
        for interface in interfaces {
            for address in interface.addresses { add(address, of: interface.index) }
        }
        let shared = interfacesOfSharedNetworks()
        for interface in interfaces where shared.contains(interface.index) {
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
        // A block of one has no neighbours, unless that one is the other end of the link.
        guard address.peer != nil || address.prefixLength < address.address.bitWidth,
            let block = address.network
        else { return }
        let known = blocks[index] ?? []
        let isKnown = known.contains {
            $0.prefixLength == block.prefixLength && $0.contains(block.address)
        }
        if !isKnown { blocks[index] = known + [block] }
    }

    /// The interfaces with an IPv6 network that another one is in as well, wholly or in part.
    private func interfacesOfSharedNetworks() -> Set<Int32> {
        var owners: [CIDRBlock: Set<Int32>] = [:]
        for (index, blocks) in blocks {
            for block in blocks where block.address.family == .ipv6 && !block.address.needsInterface
            { owners[block.normalized, default: []].insert(index) }
        }
        let lengths = Set(owners.keys.map(\.prefixLength))
        var shared: Set<Int32> = []
        for (block, indexes) in owners {
            var all = indexes
            for length in lengths where length < block.prefixLength {
                let wider = CIDRBlock(block.address, prefixLength: length)?.normalized
                all.formUnion(wider.flatMap { owners[$0] } ?? [])
            }
            if all.count > 1 { shared.formUnion(all) }
        }
        return shared
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
    /// An IPv6 datagram with a source leaves by that interface as only it is in the network. Where another
    /// one is, too, the interface is no more than a preference: a route of a
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
