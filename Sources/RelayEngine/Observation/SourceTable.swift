import RelayModel

/// What each sender sent, for a bounded number of senders.
///
/// When the table is full, the sender that has been silent longest gives way, so that busy
/// senders stay and every figure is exact since the sender was taken in.
struct SourceTable {
    /// Senders remembered: four times what is shown, so that the shown ones are the busy ones.
    static let entriesMax = 64

    private var keys: [UInt64] = []
    private var entries: [SourceActivity] = []
    private var lastIndex = 0

    /// Counts one datagram.
    mutating func note(_ source: Endpoint, length: Int, at now: Timestamp) {
        let index = index(of: source)
        entries[index].traffic.datagrams += 1
        entries[index].traffic.bytes += UInt64(length)
        entries[index].lastAt = now
    }

    /// The senders with the most datagrams, busiest first.
    func busiest(_ limit: Int) -> [SourceActivity] {
        if entries.count <= 1 { return entries }
        return Array(
            entries.sorted { left, right in
                left.traffic.datagrams > right.traffic.datagrams
            }.prefix(limit)
        )
    }

    private mutating func index(of source: Endpoint) -> Int {
        if lastIndex < entries.count && entries[lastIndex].source == source { return lastIndex }
        let key = Self.key(of: source)
        for index in keys.indices where keys[index] == key && entries[index].source == source {
            lastIndex = index
            return index
        }
        lastIndex = makeRoom()
        let entry = SourceActivity(
            source: source,
            traffic: Traffic(),
            lastAt: Timestamp(nanoseconds: 0)
        )
        if lastIndex == entries.count {
            keys.append(key)
            entries.append(entry)
        } else {
            keys[lastIndex] = key
            entries[lastIndex] = entry
        }
        return lastIndex
    }

    private func makeRoom() -> Int {
        guard entries.count == Self.entriesMax else { return entries.count }
        var oldest = 0
        for index in entries.indices where entries[index].lastAt < entries[oldest].lastAt {
            oldest = index
        }
        return oldest
    }

    /// Cheap to compare; collisions are told apart by the entry.
    private static func key(of source: Endpoint) -> UInt64 {
        (source.address.high ^ source.address.low &* 0x9E37_79B9_7F4A_7C15) &+ UInt64(source.port)
    }
}
