import Synchronization

/// Makes identifiers for requests: unique within a process, and different from process to process.
package enum RequestID {
    /// Counts requests from a random start, so that two processes do not repeat each other.
    private static let counter = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    /// The next identifier: 13 characters of Crockford's base 32.
    ///
    /// Thirteen, because a Swift string of up to fifteen bytes needs no allocation.
    package static func next() -> String {
        var rest = scrambled(counter.wrappingAdd(1, ordering: .relaxed).newValue)
        var text = ""
        for _ in 0..<13 {
            text.unicodeScalars.append(Unicode.Scalar(digit(UInt8(rest & 31))))
            rest >>= 5
        }
        return text
    }

    /// A bijection (the finalizer of SplitMix64): neighbours look different, none collide.
    private static func scrambled(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0–9, then the letters without i, l, o and u.
    private static func digit(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<10: 0x30 + value
        case 10..<18: UInt8(ascii: "a") + value - 10
        case 18..<20: UInt8(ascii: "j") + value - 18
        case 20..<22: UInt8(ascii: "m") + value - 20
        case 22..<27: UInt8(ascii: "p") + value - 22
        default: UInt8(ascii: "v") + value - 27
        }
    }
}
