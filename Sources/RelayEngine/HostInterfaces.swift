import RelayModel

/// The interfaces of this host as the relay thread needs them: whose an address is, and which the
/// operator lets be used.
final class HostInterfaces: Sendable {
    /// The index of the loopback interface; 0 = unknown.
    let loopbackIndex: Int32
    /// The interfaces that have an address, by it; mostly one.
    private let owners: [IPAddress: [Int32]]
    private let entries: [Int32: [NetworkInterface.Address]]
    /// The same without what is known of them, for the sessions to share.
    private let addresses: [Int32: [IPAddress]]
    /// The interfaces that the operator's policy lets be used; nil = all.
    private let admitted: Set<Int32>?

    /// The TTL or hop limit of an answer to who asked, where its session names none; nil = the kernel's.
    let answerTTL: UInt8?

    /// - Parameters:
    ///   - admits: whether an interface may be used, by its name; nil = all may.
    ///   - ttlMax: the largest TTL or hop limit that the operator allows.
    init(
        _ interfaces: [NetworkInterface] = [],
        admits: ((String) -> Bool)? = nil,
        ttlMax: UInt8 = .max
    ) {
        // What the kernel would take is up to its settings (ip_default_ttl, ip-sysctl), mostly 64.
        answerTTL = ttlMax == .max ? nil : min(ttlMax, 64)
        var owners: [IPAddress: [Int32]] = [:]
        var entries: [Int32: [NetworkInterface.Address]] = [:]
        for interface in interfaces {
            entries[interface.index] = interface.addresses
            for entry in interface.addresses {
                owners[entry.address, default: []].append(interface.index)
            }
        }
        self.owners = owners
        self.entries = entries
        addresses = entries.mapValues { $0.map(\.address) }
        loopbackIndex = interfaces.first { $0.flags.contains(.loopback) }?.index ?? 0
        admitted = admits.map { admits in
            Set(interfaces.filter { admits($0.name) }.map(\.index))
        }
    }

    /// Whether there are interfaces that must not be used.
    var isRestricted: Bool { admitted != nil }

    /// Whether what comes in by an interface may be let in.
    func admits(_ index: Int32) -> Bool { admitted?.contains(index) ?? true }

    func admitsAny(of indexes: [Int32]) -> Bool { indexes.contains(where: admits) }

    /// The interfaces that have an address; empty = none that is known.
    func owners(of address: IPAddress) -> [Int32] {
        if let known = owners[address] { return known }
        // All of 127.0.0.0/8 is this host's, though one address of it is listed.
        return address.isLoopback && loopbackIndex != 0 ? [loopbackIndex] : []
    }

    /// The addresses of an interface.
    func addresses(of index: Int32) -> [IPAddress] { addresses[index] ?? [] }

    /// The address of an interface that a datagram from this source, sent to a group, came to: of the
    /// source's scope, and of its network where there is one (RFC 6724). nil = there is none.
    func address(of index: Int32, facing source: IPAddress) -> IPAddress? {
        var best: (rank: Int, address: IPAddress)?
        for entry in entries[index] ?? [] {
            guard entry.address.family == source.family, entry.isUsable else { continue }
            var rank = 0
            if entry.address.needsInterface == source.needsInterface { rank += 4 }
            if !entry.flags.contains(.deprecated) { rank += 2 }
            if entry.network?.contains(source) == true { rank += 1 }
            if rank > best?.rank ?? -1 { best = (rank, entry.address) }
        }
        return best?.address
    }
}
