import RelayModel

/// What each sender sent, for a bounded number of senders.
///
/// When the table is full, the sender that has been silent longest gives way, so that busy
/// senders stay and every figure is exact since the sender was taken in.
struct SourceTable {
    /// Senders remembered: four times what is shown, so that the shown ones are the busy ones.
    static let entriesMax = 64

    private struct Entry {
        let key: SourceKey
        var traffic = Traffic()
        var lastAt = Timestamp(nanoseconds: 0)
    }

    private var entries: [Entry] = []
    /// Where the newest datagram's sender is.
    private var lastIndex = 0

    /// Counts the datagrams of a range of a batch.
    mutating func note(_ batch: borrowing ReceiveBatch, _ range: Range<Int>, at now: Timestamp) {
        var index = range.lowerBound
        while index < range.upperBound {
            let run = index..<batch.endOfRun(from: index, in: range)
            let traffic = Traffic(datagrams: UInt64(run.count), bytes: batch.bytes(of: run))
            note(SourceKey(batch.datagram(index)), traffic, at: now)
            index = run.upperBound
        }
    }

    /// Counts datagrams of one sender.
    mutating func note(_ key: SourceKey, _ traffic: Traffic, at now: Timestamp) {
        if lastIndex >= entries.count || entries[lastIndex].key != key { seek(key) }
        entries[lastIndex].traffic.datagrams += traffic.datagrams
        entries[lastIndex].traffic.bytes += traffic.bytes
        entries[lastIndex].lastAt = now
    }

    /// The senders with the most datagrams, busiest first.
    func busiest(_ limit: Int) -> [SourceActivity] {
        entries.sorted { left, right in left.traffic.datagrams > right.traffic.datagrams }
            .prefix(limit)
            .map { entry in
                SourceActivity(
                    source: entry.key.endpoint,
                    traffic: entry.traffic,
                    lastAt: entry.lastAt
                )
            }
    }

    /// Finds the sender, or takes it in.
    private mutating func seek(_ key: SourceKey) {
        if let index = entries.firstIndex(where: { $0.key == key }) {
            lastIndex = index
        } else if entries.count < Self.entriesMax {
            lastIndex = entries.count
            entries.append(Entry(key: key))
        } else {
            lastIndex = longestSilent
            entries[lastIndex] = Entry(key: key)
        }
    }

    private var longestSilent: Int {
        var oldest = 0
        for index in entries.indices where entries[index].lastAt < entries[oldest].lastAt {
            oldest = index
        }
        return oldest
    }
}

/// A sender in three words, which compare faster than an endpoint.
struct SourceKey: Equatable {
    private let high: UInt64
    private let low: UInt64
    /// The interface of a link-local address, the port and the family.
    private let rest: UInt64

    /// For tests: the engine has datagrams.
    init(_ source: Endpoint) {
        high = source.address.high
        low = source.address.low
        rest = Self.rest(source.scopeID, source.port, source.address.family.rawValue)
    }

    @inline(__always)
    init(_ datagram: ReceivedDatagram) {
        let values = datagram.values
        high = values.source_high
        low = values.source_low
        rest = Self.rest(values.source_scope_id, values.source_port, values.family)
    }

    @inline(__always)
    private static func rest(_ scopeID: UInt32, _ port: UInt16, _ family: UInt8) -> UInt64 {
        UInt64(scopeID) &<< 24 | UInt64(port) &<< 8 | UInt64(family)
    }

    @inline(__always)
    static func == (left: SourceKey, right: SourceKey) -> Bool {
        left.low == right.low && left.rest == right.rest && left.high == right.high
    }

    var endpoint: Endpoint {
        let isIPv4 = rest & 0xFF == UInt64(IPAddress.Family.ipv4.rawValue)
        return Endpoint(
            isIPv4
                ? IPAddress(ipv4: UInt32(truncatingIfNeeded: low))
                : IPAddress(ipv6High: high, low: low),
            port: UInt16(truncatingIfNeeded: rest >> 8),
            scopeID: UInt32(truncatingIfNeeded: rest >> 24)
        )
    }
}
