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

    init(_ interfaces: [NetworkInterface] = []) {
        for interface in interfaces {
            for address in interface.addresses { add(address, of: interface.index) }
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

    /// Whether it is a broadcast address, of whichever interface.
    func isBroadcast(_ address: IPAddress) -> Bool { broadcasts.contains(address) }
}
