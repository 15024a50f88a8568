/// What the engine makes of a payload to know it again, by itself: for measurements of what it
/// costs.
package enum PayloadDigest: String, CaseIterable {
    /// Nothing: the loop around the others.
    case none
    /// Of the length and both ends, for each datagram.
    case sample
    /// Of all bytes, where the sample is known or will be asked for.
    case whole

    /// Makes it of payloads of `size` bytes that lie one after the other, again and again. The sum
    /// keeps the compiler from leaving it out.
    @inline(never)
    package func make(of payloads: Span<UInt8>, size: Int, rounds: Int) -> UInt64 {
        switch self {
        case .none: Self.repeated(payloads, size, rounds) { UInt64($0[0]) }
        case .sample: Self.repeated(payloads, size, rounds) { PayloadHash.sample($0) }
        case .whole: Self.repeated(payloads, size, rounds) { PayloadHash.whole($0) }
        }
    }

    @inline(__always)
    private static func repeated(
        _ payloads: Span<UInt8>,
        _ size: Int,
        _ rounds: Int,
        _ body: (Span<UInt8>) -> UInt64
    ) -> UInt64 {
        var sum: UInt64 = 0
        for _ in 0..<rounds {
            var offset = 0
            while offset + size <= payloads.count {
                sum &+= body(payloads.extracting(offset..<offset + size))
                offset += size
            }
        }
        return sum
    }
}
