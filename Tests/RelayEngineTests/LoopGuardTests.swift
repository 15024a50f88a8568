import RelayModel
import Testing

@testable import RelayEngine

@Suite struct LoopGuardTests {
    let sender = endpoint(1)
    let relay = endpoint(2)

    @Test func whatComesFromAnotherSourceReturns() {
        let guarding = Guard(lifetimeMilliseconds: 1000)
        #expect(!guarding.isReturning([1], from: sender, at: 0))
        #expect(guarding.isReturning([1], from: relay, at: 1))
        #expect(!guarding.isReturning([2], from: relay, at: 1))
        // Also what is empty.
        #expect(!guarding.isReturning([], from: sender, at: 1))
        #expect(guarding.isReturning([], from: relay, at: 1))
    }

    @Test func anotherPortIsAnotherSource() {
        let guarding = Guard(lifetimeMilliseconds: 1000)
        #expect(!guarding.isReturning([1], from: sender, at: 0))
        #expect(
            guarding.isReturning([1], from: Endpoint(sender.address, port: 4999), at: 0)
        )
    }

    @Test func aSenderMayRepeatItself() {
        let guarding = Guard(lifetimeMilliseconds: 1000)
        for milliseconds in 0..<3000 {
            #expect(!guarding.isReturning([1], from: sender, at: milliseconds))
        }
        // Its last repetition counts.
        #expect(guarding.isReturning([1], from: relay, at: 3999))
        #expect(!guarding.isReturning([1], from: relay, at: 4002))
    }

    @Test func whereSourcesArePreservedNothingRepeats() {
        let guarding = Guard(lifetimeMilliseconds: 1000)
        var passed: [Int] = []
        for milliseconds in 0..<3000
        where !guarding.isReturning(
            [1],
            from: sender,
            refusesRepeats: true,
            at: milliseconds
        ) {
            passed.append(milliseconds)
        }
        // Once per lifetime, although it never stops.
        #expect(passed.count == 3 && passed[0] == 0)
        #expect(zip(passed, passed.dropFirst()).allSatisfy { (1000...1003).contains($1 - $0) })
    }

    @Test func aLifetimeIsAsLongAsItSaysAndTwoTicksMoreAtMost() {
        for start in 0..<50 {
            let guarding = Guard(lifetimeMilliseconds: 100)
            #expect(!guarding.isReturning([1], from: sender, at: start))
            #expect(guarding.isReturning([1], from: relay, at: start + 100))
            #expect(!guarding.isReturning([1], from: relay, at: start + 103))
        }
    }

    @Test(arguments: [1, 60_000])
    func theShortestAndTheLongestLifetimeEnd(lifetime: Int) {
        let guarding = Guard(lifetimeMilliseconds: lifetime)
        #expect(!guarding.isReturning([1], from: sender, at: 10))
        #expect(guarding.isReturning([1], from: relay, at: 10 + lifetime))
        #expect(!guarding.isReturning([1], from: relay, at: 13 + lifetime))
    }

    @Test func noLifetimeGuardsNothing() {
        let guarding = Guard(lifetimeMilliseconds: 0)
        #expect(!guarding.isReturning([1], from: sender, at: 0))
        #expect(!guarding.isReturning([1], from: relay, refusesRepeats: true, at: 0))
    }

    /// What returns does not renew the entry, or a loop would silence another sender for ever.
    @Test func whatReturnsKeepsNothingAlive() {
        let guarding = Guard(lifetimeMilliseconds: 100)
        #expect(!guarding.isReturning([1], from: sender, at: 0))
        for milliseconds in 1...100 {
            #expect(guarding.isReturning([1], from: relay, at: milliseconds))
        }
        #expect(!guarding.isReturning([1], from: relay, at: 103))
        // Now the other one was first.
        #expect(guarding.isReturning([1], from: sender, at: 104))
    }

    @Test(arguments: [2, 3, 8])
    func relaysThatFaceEachOtherPassADatagramOnce(count: Int) {
        let relays = (0..<count).map { _ in Guard(lifetimeMilliseconds: 1000) }
        var passes = Array(repeating: 0, count: count)
        // Each sends what passes to all others; the datagram comes to the first from outside.
        var onTheWire = [(to: 0, from: endpoint(100))]
        var milliseconds = 0
        while let (to, from) = onTheWire.popLast() {
            milliseconds += 1
            if relays[to].isReturning([1, 2, 3], from: from, at: milliseconds) { continue }
            passes[to] += 1
            if passes[to] > 1 { break }
            for other in 0..<count where other != to { onTheWire.append((other, endpoint(to))) }
        }
        #expect(passes == Array(repeating: 1, count: count))
        #expect(milliseconds < 1000)
    }

    @Test func aBucketForgetsItsOldest() {
        // Payloads whose digests belong to one bucket.
        var buckets: [UInt64: [[UInt8]]] = [:]
        var number: UInt32 = 0
        var payloads: [[UInt8]] = []
        while payloads.count <= LoopGuard.bucketEntries {
            number += 1
            let payload = (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
            let buckets2048 = UInt64(LoopGuard.entriesMax / LoopGuard.bucketEntries)
            let bucket = PayloadHash.digest(payload.span) >> 34 % buckets2048
            buckets[bucket, default: []].append(payload)
            payloads = buckets[bucket] ?? []
        }
        let guarding = Guard(lifetimeMilliseconds: 60_000)
        for (index, payload) in payloads.dropLast().enumerated() {
            #expect(!guarding.isReturning(payload, from: sender, at: index * 10))
        }
        for payload in payloads.dropLast() {
            #expect(guarding.isReturning(payload, from: relay, at: 100))
        }
        #expect(!guarding.isReturning(payloads[4], from: sender, at: 101))
        for payload in payloads.dropFirst() {
            #expect(guarding.isReturning(payload, from: relay, at: 102))
        }
        #expect(!guarding.isReturning(payloads[0], from: relay, at: 103))
    }

    @Test func mostOfAThousandAreRemembered() {
        let guarding = Guard(lifetimeMilliseconds: 1000)
        let payloads = (0..<1000).map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        for payload in payloads { _ = guarding.isReturning(payload, from: sender, at: 0) }
        let known = payloads.count { guarding.isReturning($0, from: relay, at: 1) }
        #expect(known > 980)
    }

    /// 52 days on, the ticks have wrapped.
    @Test func yearsGoBy() {
        let guarding = Guard(lifetimeMilliseconds: 1000)
        let day = 86_400_000
        for start in stride(from: 0, to: 2000 * day, by: 3 * day) {
            #expect(!guarding.isReturning([1], from: sender, at: start))
            #expect(guarding.isReturning([1], from: relay, at: start + 900))
            #expect(!guarding.isReturning([1], from: relay, at: start + 1100))
        }
    }
}

private func endpoint(_ number: Int) -> Endpoint {
    Endpoint(IPAddress(ipv4: 0x0A00_0000 + UInt32(number)), port: 5000)
}

/// Lends arrays as spans, and counts in milliseconds since the machine came up long ago.
private final class Guard {
    private var loopGuard: LoopGuard

    init(lifetimeMilliseconds: Int) {
        loopGuard = LoopGuard(lifetimeMilliseconds: lifetimeMilliseconds)
    }

    func isReturning(
        _ payload: [UInt8],
        from source: Endpoint,
        refusesRepeats: Bool = false,
        at milliseconds: Int
    ) -> Bool {
        loopGuard.isReturning(
            payload.span,
            from: source,
            refusesRepeats: refusesRepeats,
            at: 1_800_000_000_123_456 + Int64(milliseconds) * 1_000_000
        )
    }
}
