import RelayModel
import Testing

@testable import RelayEngine

/// The queue of held datagrams: its limits, and that payloads survive being moved about.
@Suite struct ChaosQueueTests {
    @Test func soManyDatagramsAreHeldAndNoMore() {
        let line = Line(delayed)
        for number in 0..<Chaos.heldDatagramsMax {
            #expect(line.admit(number, at: 0) == ChaosLine.Fate())
        }
        #expect(line.admit(0, at: 0) == ChaosLine.Fate(overflow: 1))
        #expect(line.held == Chaos.heldDatagramsMax)
        #expect(line.taken(at: .max) == Array(0..<Chaos.heldDatagramsMax))
        #expect(line.admit(0, at: 0) == ChaosLine.Fate())
    }

    @Test func soManyBytesAreHeldAndNoMore() {
        let line = Line(delayed)
        let kilobytes = [UInt8](repeating: 1, count: 16_384)
        for _ in 0..<Chaos.heldBytesMax / kilobytes.count {
            #expect(line.admit(kilobytes, ttl: nil, origin: nil, at: 0) == ChaosLine.Fate())
        }
        #expect(line.heldBytes == Chaos.heldBytesMax)
        #expect(line.admit([1], ttl: nil, origin: nil, at: 0) == ChaosLine.Fate(overflow: 1))
        #expect(line.admit([], ttl: nil, origin: nil, at: 0) == ChaosLine.Fate())
        #expect(line.takeAll(at: .max).last?.payload == [])
        #expect(line.heldBytes == 0)
    }

    @Test func aCopyMayBeOneTooMany() {
        var chaos = delayed
        chaos.duplicatePercent = 100
        let line = Line(chaos)
        for number in 0..<Chaos.heldDatagramsMax / 2 - 1 { _ = line.admit(number, at: 0) }
        #expect(line.admit(1, at: 0) == ChaosLine.Fate())
        #expect(line.admit(2, at: 0) == ChaosLine.Fate(overflow: 2))
        // One byte less than is needed for both.
        let other = Line(chaos)
        let half = [UInt8](repeating: 1, count: 65_000)
        while other.heldBytes + 2 * half.count <= Chaos.heldBytesMax {
            #expect(other.admit(half, ttl: nil, origin: nil, at: 0) == ChaosLine.Fate())
        }
        let rest = (Chaos.heldBytesMax - other.heldBytes) / 2 + 1
        let payload = [UInt8](repeating: 1, count: rest)
        #expect(other.admit(payload, ttl: nil, origin: nil, at: 0) == ChaosLine.Fate(overflow: 1))
    }

    /// The overtaken datagram is held too.
    @Test func whatIsOvertakenCounts() {
        var chaos = Chaos()
        chaos.reorderPercent = 100
        chaos.datagramsPerSecondMax = 1
        let line = Line(chaos)
        for number in 0..<Chaos.heldDatagramsMax - 1 { _ = line.admit(number, at: 0) }
        #expect(line.admit(4095, at: 0) == ChaosLine.Fate())
        #expect(line.admit(4096, at: 0) == ChaosLine.Fate(overflow: 1))
        #expect(line.held == Chaos.heldDatagramsMax)
    }

    /// Thousands of datagrams of all sizes, given out in another order than they came.
    @Test(arguments: [1, 2, 3])
    func payloadsSurviveBeingMoved(seed: UInt64) {
        var chaos = Chaos()
        chaos.seed = seed
        chaos.delayMilliseconds = 300
        chaos.jitterMilliseconds = 300
        chaos.reorderPercent = 20
        chaos.duplicatePercent = 20
        let line = Line(chaos)
        var random = SplitMix64(seed: seed)
        var expected: [Int: Int] = [:]
        var damaged = 0
        func take(at now: Int64) {
            for taken in line.takeAll(at: now) {
                // The payload is a number and that many of its lowest bytes.
                let number = taken.payload.prefix(4).reduce(0) { $0 << 8 | Int($1) }
                expected[number, default: 0] -= 1
                let fill = UInt8(truncatingIfNeeded: number)
                if taken.payload.dropFirst(4).contains(where: { $0 != fill }) { damaged += 1 }
            }
        }
        for number in 0..<2000 {
            let now = Int64(number) * 1_000_000
            var payload = [UInt8](
                repeating: UInt8(truncatingIfNeeded: number),
                count: 4 + Int(random.next() % (number % 50 == 0 ? 60_000 : 3000))
            )
            for index in 0..<4 { payload[index] = UInt8(number >> (24 - index * 8) & 0xFF) }
            let before = line.held
            _ = line.admit(payload, ttl: nil, origin: nil, at: now)
            expected[number, default: 0] += line.held - before
            take(at: now)
        }
        take(at: .max)
        #expect(line.held == 0 && line.heldBytes == 0 && damaged == 0)
        #expect(expected.count == 2000 && expected.values.allSatisfy { $0 == 0 })
    }

    private var delayed: Chaos {
        var chaos = Chaos()
        chaos.delayMilliseconds = 1
        return chaos
    }
}

/// Lends arrays as spans, and copies what comes out; numbers are payloads of four bytes.
final class Line {
    struct Taken {
        let payload: [UInt8]
        let ttl: UInt8?
        let origin: HeldDatagrams.Origin?
    }

    private var line: ChaosLine

    init(_ chaos: Chaos) { line = ChaosLine(chaos, at: 0) }

    var held: Int { line.held }
    var heldBytes: Int { line.heldBytes }
    var nextDue: Int64? { line.nextDue }

    func admit(
        _ payload: [UInt8],
        ttl: UInt8?,
        origin: HeldDatagrams.Origin?,
        at now: Int64
    ) -> ChaosLine.Fate {
        line.admit(payload.span, ttl: ttl, origin: origin, at: now)
    }

    func admit(_ number: Int, at now: Int64) -> ChaosLine.Fate {
        let payload = (0..<4).map { UInt8(number >> (24 - $0 * 8) & 0xFF) }
        return admit(payload, ttl: nil, origin: nil, at: now)
    }

    func takeAll(at now: Int64, atMost limit: Int = .max) -> [Taken] {
        var taken: [Taken] = []
        line.takeDue(at: now) { payload, ttl, origin in
            if taken.count == limit { return false }
            var bytes: [UInt8] = []
            for index in payload.indices { bytes.append(payload[index]) }
            taken.append(Taken(payload: bytes, ttl: ttl, origin: origin))
            return true
        }
        return taken
    }

    func taken(at now: Int64, atMost limit: Int = .max) -> [Int] {
        takeAll(at: now, atMost: limit).map { $0.payload.reduce(0) { $0 << 8 | Int($1) } }
    }
}
