import Synchronization

/// Makes identifiers for requests: unique within a process, and different from process to process.
package enum RequestID {
    /// Counts requests from a random start, so that two processes do not repeat each other.
    private static let counter = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    /// The next identifier: thirteen letters and digits.
    ///
    /// A Swift string of up to fifteen bytes needs no allocation.
    package static func next() -> String {
        var rest = scrambled(counter.wrappingAdd(1, ordering: .relaxed).newValue)
        var digits = InlineArray<13, UInt8>(repeating: 0)
        for place in digits.indices {
            let digit = UInt8(truncatingIfNeeded: rest & 31)
            digits[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            rest >>= 5
        }
        return digits.span.text(0..<digits.count)
    }

    /// A bijection (the finalizer of SplitMix64): neighbours look different, none collide.
    private static func scrambled(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
