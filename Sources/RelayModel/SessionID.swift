/// A UUID for one incarnation of a session; version 7 (RFC 9562), so that ids sort by creation.
package struct SessionID: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(createdAt: Timestamp) {
        let milliseconds = UInt64(max(createdAt.nanoseconds, 0) / 1_000_000)
        high = milliseconds << 16 | 0x7000 | UInt64.random(in: 0...0xFFF)
        low = 0x8000_0000_0000_0000 | UInt64.random(in: 0...0x3FFF_FFFF_FFFF_FFFF)
    }

    /// Parses the 36-character form in lower or upper case.
    package init?(_ text: String) {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12],
            text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }),
            let high = UInt64(groups[0...2].joined(), radix: 16),
            let low = UInt64(groups[3...4].joined(), radix: 16)
        else { return nil }
        self.high = high
        self.low = low
    }
}

extension SessionID: CustomStringConvertible {
    package var description: String {
        let ascii = ascii
        return String(decoding: ascii.indices.map { ascii[$0] }, as: UTF8.self)
    }

    /// The 36 ASCII bytes of `description`, without an allocation.
    package var ascii: InlineArray<36, UInt8> {
        var text = InlineArray<36, UInt8>(repeating: UInt8(ascii: "-"))
        var place = 0
        for position in 0..<32 {
            if position == 8 || position == 12 || position == 16 || position == 20 { place += 1 }
            let half = position < 16 ? high : low
            let nibble = UInt8(truncatingIfNeeded: half >> UInt64(60 - 4 * (position % 16)) & 0xF)
            text[place] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
            place += 1
        }
        return text
    }
}
