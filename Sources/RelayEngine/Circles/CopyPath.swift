import RelayModel

/// Where a copy was sent: what an equal datagram must have in common with it to be it.
struct CopyPath: Hashable {
    /// The interface, or what stands for it.
    let interfaceIndex: Int32
    let network: CopyNetwork

    init(interfaceIndex: Int32, network: CopyNetwork = .any) {
        self.interfaceIndex = interfaceIndex
        self.network = network
    }

    /// The same with what stands for the interface in records of preserved sources.
    var preserved: CopyPath {
        CopyPath(
            interfaceIndex: CopyListener.preservedIndex(interfaceIndex),
            network: network
        )
    }
}

/// The network of a link that copies were sent to by a directed broadcast.
///
/// On one link another network has hosts of its own: what is sent to them has not been sent to these.
/// Other relays may spell the same destination otherwise, so 255.255.255.255 is every network's.
struct CopyNetwork: Hashable {
    /// The broadcast address, or the network address; 0 = any network.
    let word: UInt32

    /// What was sent to a group, to 255.255.255.255, or to several networks.
    static let any = CopyNetwork(word: 0)

    init(word: UInt32) { self.word = word }

    /// - Parameter destination: where to; nil = unknown.
    init(of destination: IPAddress?) {
        guard let destination, destination.family == .ipv4, !destination.isMulticast,
            destination != .limitedBroadcast
        else {
            self = .any
            return
        }
        word = UInt32(truncatingIfNeeded: destination.low)
    }

    /// Whether a datagram for one of them can be one for the other.
    func overlaps(_ other: CopyNetwork) -> Bool {
        if word == 0 || other.word == 0 || word == other.word { return true }
        // 192.168.10.255 and 192.168.10.0 (RFC 1122, 3.3.6) differ in all bits of the host. That
        // those of one network are all ones, and of the other all zeros, is rare enough.
        let host = word ^ other.word
        return host & (host &+ 1) == 0 && (word & host == 0 || word & host == host)
    }

    /// The network of copies for both.
    func joined(_ other: CopyNetwork) -> CopyNetwork {
        let isOne = word != 0 && other.word != 0 && overlaps(other)
        return isOne ? self : .any
    }
}
