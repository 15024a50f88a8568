import RelayModel
import Testing

@testable import RelayEngine

@Suite struct RecentPacketsTests {
    // MARK: - Pages

    @Test func withoutCursorThePageEndsWithTheNewestPacket() {
        let packets = filled(10, capacity: 64)
        let page = packets.page(after: nil, limit: 3)
        #expect(page.items.map(\.sequence) == [8, 9, 10])
        #expect(page.next == 10 && page.oldest == 1 && page.missed == 0)
    }

    @Test func aCursorContinuesWhereThePageEnded() {
        let packets = filled(40, capacity: 64)
        var sequences: [UInt64] = []
        var cursor: UInt64 = 0
        while cursor < 40 {
            let page = packets.page(after: cursor, limit: 17)
            sequences += page.items.map(\.sequence)
            cursor = page.next
        }
        #expect(sequences == Array(1...40))
        let end = packets.page(after: cursor, limit: 17)
        #expect(end.items.isEmpty && end.next == 40)
    }

    @Test(arguments: [(0, 90), (50, 40), (89, 1), (90, 0), (95, 0), (100, 0)])
    func missedCountsWhatWasOverwrittenAfterTheCursor(cursor: UInt64, missed: UInt64) {
        let packets = filled(100, capacity: 10)
        let page = packets.page(after: cursor, limit: 100)
        #expect(page.missed == missed && page.oldest == 91 && page.next == 100)
        #expect(page.items.map(\.sequence) == Array(max(91, cursor + 1)..<101))
    }

    @Test(arguments: [101, UInt64(Int64.max), .max])
    func aCursorFromTheFutureIsTheNewestPacket(cursor: UInt64) {
        let page = filled(100, capacity: 10).page(after: cursor, limit: 5)
        #expect(page.items.isEmpty && page.next == 100 && page.missed == 0)
    }

    @Test func anEmptyRingHasNoOldestPacket() {
        let page = filled(0, capacity: 10).page(after: nil, limit: 5)
        #expect(page.items.isEmpty && page.next == 0 && page.oldest == nil && page.missed == 0)
    }

    @Test func aSessionThatKeepsNothingMissesEverything() {
        let packets = filled(7, capacity: 0)
        let page = packets.page(after: 2, limit: 5)
        #expect(page.items.isEmpty && page.missed == 5 && page.next == 7 && page.oldest == nil)
        #expect(packets.page(after: nil, limit: 5).missed == 0)
    }

    @Test func theLargestRingHolds4096Packets() {
        let page = filled(5000, capacity: 4096).page(after: 0, limit: 5000)
        #expect(page.items.count == 4096 && page.missed == 904 && page.oldest == 905)
    }

    @Test func aDirectionLeavesOutTheOther() {
        let packets = RecentPackets(capacity: 64, snapLength: 8)
        for number in 1...40 { note(number % 4 == 0 ? .sent : .received, in: packets) }
        let sent = packets.page(after: nil, limit: 3, direction: .sent)
        #expect(sent.items.map(\.sequence) == [32, 36, 40])
        #expect(sent.items.allSatisfy { $0.direction == .sent })
        let received = packets.page(after: 36, limit: 100, direction: .received)
        #expect(received.items.map(\.sequence) == [37, 38, 39] && received.next == 40)
    }

    @Test func recordReturnsTheFirstSequence() {
        let packets = filled(3, capacity: 8)
        let first = packets.record(.sent) { ring, _ in
            for _ in 0..<5 { ring.append(header(.sent, length: 0), payload: [UInt8]().span) }
        }
        #expect(first == 4)
    }

    // MARK: - Waiting

    @Test func aWaiterIsWokenOnceByItsDirection() {
        let packets = filled(2, capacity: 8)
        let woken = Counter()
        let outcome = packets.wait(after: 2, direction: .sent) {
            woken.increment()
        }
        #expect(outcome.isWaiting)
        note(.received, in: packets)
        #expect(woken.count == 0)
        note(.sent, in: packets)
        note(.sent, in: packets)
        #expect(woken.count == 1)
    }

    @Test func nobodyWaitsForAPacketThatIsThere() {
        let packets = filled(2, capacity: 8)
        let woken = Counter()
        let outcome = packets.wait(after: 1, direction: .received) {
            woken.increment()
        }
        guard case .ready = outcome else {
            Issue.record("\(outcome) is not ready")
            return
        }
        #expect(woken.count == 0)
        // Not by a packet of the other direction, nor before the cursor.
        #expect(packets.wait(after: 1, direction: .sent) {}.isWaiting)
        #expect(packets.wait(after: 2, direction: nil) {}.isWaiting)
    }

    @Test func waitingWithTheGreatestCursorIsHarmless() {
        #expect(filled(2, capacity: 8).wait(after: .max, direction: nil) {}.isWaiting)
    }

    @Test func aBatchWithoutPacketsWakesNobody() {
        let packets = filled(0, capacity: 8)
        let woken = Counter()
        _ = packets.wait(after: 0, direction: nil) { woken.increment() }
        _ = packets.record(.sent) { _, _ in }
        #expect(woken.count == 0)
    }

    @Test func waitersBeyondTheLimitAreRefused() {
        let packets = filled(0, capacity: 8)
        let woken = Counter()
        let wake: @Sendable () -> Void = { woken.increment() }
        for _ in 0..<RecentPackets.waitersMax {
            #expect(packets.wait(after: 0, direction: nil, wake: wake).isWaiting)
        }
        guard case .full = packets.wait(after: 0, direction: nil, wake: wake) else {
            Issue.record("a waiter too many waits")
            return
        }
        note(.received, in: packets)
        #expect(woken.count == RecentPackets.waitersMax)
        #expect(packets.wait(after: 1, direction: nil, wake: wake).isWaiting)
    }

    @Test func cancellingWakesOnceAndMakesRoom() {
        let packets = filled(0, capacity: 8)
        let woken = Counter()
        let outcome = packets.wait(after: 0, direction: nil) {
            woken.increment()
        }
        if case .waiting(let token) = outcome {
            packets.cancelWait(token)
            packets.cancelWait(token)
        }
        packets.wakeAll()
        #expect(woken.count == 1)
    }

    @Test func wakeAllWakesEveryDirection() {
        let packets = filled(0, capacity: 8)
        let woken = Counter()
        for direction in [nil, CapturedPacket.Direction.sent, .received] {
            _ = packets.wait(after: 0, direction: direction) {
                woken.increment()
            }
        }
        packets.wakeAll()
        #expect(woken.count == 3)
    }

    // MARK: - Readers and a writer at once

    @Test(arguments: [(8, 64), (64, 257), (4096, 16_000)])
    func readersNeverSeeTornOrUncountedPackets(capacity: Int, snapLength: Int) throws {
        let packets = RecentPackets(capacity: capacity, snapLength: snapLength)
        let total: UInt64 = 4000
        try onThreads(4) { index in
            if index == 0 { return write(total, snapLength: snapLength, to: packets) }
            var cursor: UInt64 = 0
            var seen: UInt64 = 0
            while cursor < total {
                let page = packets.page(after: cursor, limit: 100)
                for packet in page.items where !isIntact(packet, snapLength) {
                    Issue.record("packet \(packet.sequence) is torn")
                }
                seen += UInt64(page.items.count) + page.missed
                #expect(seen == page.next)
                cursor = page.next
            }
        }
    }
}

private func filled(_ count: Int, capacity: Int) -> RecentPackets {
    let packets = RecentPackets(capacity: capacity, snapLength: 8)
    for _ in 0..<count { note(.received, in: packets) }
    return packets
}

private func note(_ direction: CapturedPacket.Direction, in packets: RecentPackets) {
    _ = packets.record(direction) { ring, _ in
        ring.append(header(direction, length: 4), payload: [1, 2, 3, 4].span)
    }
}

/// Batches of 1–64 packets; each byte and the length follow from the sequence number.
private func write(_ total: UInt64, snapLength: Int, to packets: RecentPackets) {
    var sequence: UInt64 = 0
    while sequence < total {
        _ = packets.record(.received) { ring, _ in
            for _ in 0..<min(sequence % 64 + 1, total - sequence) {
                sequence += 1
                let length = Int(sequence * 31 % UInt64(snapLength + 1))
                let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: sequence), count: length)
                ring.append(header(length: length), payload: payload.span)
            }
        }
    }
}

private func isIntact(_ packet: CapturedPacket, _ snapLength: Int) -> Bool {
    packet.payload.count == Int(packet.sequence * 31 % UInt64(snapLength + 1))
        && packet.length == packet.payload.count
        && packet.payload.allSatisfy { $0 == UInt8(truncatingIfNeeded: packet.sequence) }
}

extension RecentPackets.Wait {
    fileprivate var isWaiting: Bool {
        if case .waiting = self { true } else { false }
    }
}
