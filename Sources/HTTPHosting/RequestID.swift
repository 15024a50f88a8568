import Synchronization

/// Makes identifiers for requests: unique within a process, and different from process to process.
package enum RequestID {
    /// Counts requests from a random start, so that two processes do not repeat each other.
    private static let counter = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    /// The next identifier: at most thirteen letters and digits.
    ///
    /// A Swift string of up to fifteen bytes needs no allocation.
    package static func next() -> String {
        let count = counter.wrappingAdd(1, ordering: .relaxed).newValue
        return String(scrambled(count), radix: 36)
    }

    /// A bijection (the finalizer of SplitMix64): neighbours look different, none collide.
    private static func scrambled(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
