import RelayModel

extension ObjectReader {
    /// The member `limits`; nil when it is absent, and after a fault.
    mutating func limits() -> TrafficLimits? {
        guard var reader = object("limits") else { return nil }
        let limits = TrafficLimits(
            datagramsPerSecond: reader.integer(
                "datagramsPerSecond",
                in: TrafficLimits.datagramsPerSecondRange
            ),
            bytesPerSecond: reader.integer(
                "bytesPerSecond",
                in: TrafficLimits.bytesPerSecondRange
            ),
            burstMilliseconds: reader.integer(
                "burstMilliseconds",
                in: TrafficLimits.burstMillisecondsRange
            ) ?? TrafficLimits.burstMillisecondsDefault
        )
        reader.finish()
        append(reader.faults)
        return reader.faults.isEmpty ? limits : nil
    }

    /// The member `chaos`; nil when it is absent, and after a fault.
    mutating func chaos() -> Chaos? {
        guard var reader = object("chaos") else { return nil }
        var chaos = Chaos()
        chaos.seed = reader.integer("seed", in: Chaos.seedRange).map { UInt64($0) }
        chaos.lossPercent = reader.percent("lossPercent")
        chaos.duplicatePercent = reader.percent("duplicatePercent")
        chaos.reorderPercent = reader.percent("reorderPercent")
        let delays = Chaos.delayMillisecondsRange
        chaos.delayMilliseconds = reader.integer("delayMilliseconds", in: delays) ?? 0
        chaos.jitterMilliseconds = reader.integer("jitterMilliseconds", in: delays) ?? 0
        chaos.datagramsPerSecondMax = reader.integer(
            "datagramsPerSecondMax",
            in: Chaos.datagramsPerSecondRange
        )
        reader.finish()
        append(reader.faults)
        return reader.faults.isEmpty ? chaos : nil
    }

    /// A number from 0 to 100; 0 when it is absent, and after a fault.
    private mutating func percent(_ key: String) -> Double {
        guard let value = take(key) else { return 0 }
        guard case .number(let number) = value else {
            invalid(key, "must be a number, not \(value.typeName)")
            return 0
        }
        guard Chaos.percentRange.contains(number) else {
            invalid(key, "must be a number from 0 to 100")
            return 0
        }
        // Takes the sign from -0.
        return number + 0
    }

    /// The member `coalesceMicroseconds`; nil when it is absent, and after a fault.
    mutating func coalescing() -> Coalescing? {
        let key = SessionField.coalesceMicroseconds.rawValue
        let range = Coalescing.microsecondsRange
        guard let value = take(key) else { return nil }
        switch value {
        case .string("adaptive"): return .adaptive
        case .number(let number):
            if let microseconds = Int(exactly: number), range.contains(microseconds) {
                return .microseconds(microseconds)
            }
        default: break
        }
        let integers = "an integer from \(range.lowerBound) to \(range.upperBound)"
        invalid(key, "must be \(integers), or \"adaptive\"")
        return nil
    }
}

extension Chaos {
    /// The seeds that JSON carries: whole numbers that every reader of JSON keeps exactly (RFC
    /// 8259, 6).
    static let seedRange = 0...9_007_199_254_740_991
}
