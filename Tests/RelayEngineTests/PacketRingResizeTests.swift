import RelayModel
import Testing

@testable import RelayEngine

/// The ring takes on another size and keeps what fits.
@Suite struct PacketRingResizeTests {
    static let sizes = [(0, 16), (1, 1), (7, 0), (8, 64), (64, 16), (64, 300), (1000, 5)]

    @Test(arguments: sizes, sizes)
    func theNewestPacketsStayAndSequenceNumbersGoOn(
        before: (capacity: Int, snapLength: Int),
        after: (capacity: Int, snapLength: Int)
    ) {
        for count in [0, 1, before.capacity, before.capacity * 3 + 2] {
            var ring = PacketRing(capacity: before.capacity, snapLength: before.snapLength)
            for number in 0..<count { append(number + 1, to: &ring) }
            ring.resize(capacity: after.capacity, snapLength: after.snapLength)
            #expect(ring.newest == count)
            #expect(ring.count == min(count, before.capacity, after.capacity))
            expectIntact(ring) { _ in min(before.snapLength, after.snapLength) }
            let kept = UInt64(count)
            for number in 0..<after.capacity + 3 { append(count + number + 1, to: &ring) }
            #expect(ring.newest == count + after.capacity + 3)
            #expect(ring.count == after.capacity)
            expectIntact(ring) { $0 <= kept ? 0 : after.snapLength }
        }
    }

    @Test func whatFitsNoMoreGoesOldestFirst() {
        var ring = PacketRing(capacity: 4096, snapLength: 65_535)
        let payload = [UInt8](repeating: 9, count: 60_000)
        for _ in 0..<60 { ring.append(header(length: 60_000), payload: payload.span) }
        #expect(ring.count == 60)
        // Room for 10 × 60 000 bytes and what the wrap leaves unused.
        ring.resize(capacity: 10, snapLength: 60_000)
        #expect(ring.count == 10 && ring.oldest == 51)
        ring.resize(capacity: 4096, snapLength: 65_535)
        for _ in 0..<200 { ring.append(header(length: 60_000), payload: payload.span) }
        #expect(ring.count * 60_000 <= PacketRing.payloadBytesMax + 65_535)
        ring.resize(capacity: 4096, snapLength: 100)
        #expect(ring.count >= PacketRing.payloadBytesMax / 60_000)
        #expect(ring.packet(ring.newest).payload == Array(payload[..<100]))
        #expect(ring.packet(ring.newest).length == 60_000)
    }

    /// One writes, one reads, and one changes the size: nothing is torn, lost or counted twice.
    @Test func theSizeChangesAmidWritingAndReading() throws {
        let packets = RecentPackets(capacity: 100, snapLength: 200)
        let total: UInt64 = 20_000
        let isOver = Counter()
        try onThreads(3) { index in
            switch index {
            case 0:
                var number = 0
                while number < total {
                    _ = packets.record(.received) { ring, _ in
                        for _ in 0..<8 {
                            number += 1
                            append(number, to: &ring)
                        }
                    }
                }
            case 1:
                var (cursor, seen) = (UInt64(0), UInt64(0))
                while cursor < total {
                    let page = packets.page(after: cursor, limit: 100)
                    for packet in page.items where !isIntact(packet) {
                        Issue.record("packet \(packet.sequence) is not what it was")
                    }
                    seen += UInt64(page.items.count) + page.missed
                    cursor = page.next
                }
                #expect(seen == total)
                isOver.increment()
            default:
                while isOver.count == 0 {
                    let capacity = [0, 1, 77, 4096].randomElement() ?? 0
                    packets.resize(capacity: capacity, snapLength: 200)
                }
            }
        }
        packets.resize(capacity: 10, snapLength: 200)
        #expect(packets.page(after: nil, limit: 1).next == total)
    }

    @Test func readersThatWaitAreNotDisturbed() {
        let packets = RecentPackets(capacity: 4, snapLength: 8)
        let woken = Counter()
        _ = packets.wait(after: 0, direction: nil) { woken.increment() }
        packets.resize(capacity: 100, snapLength: 1)
        packets.resize(capacity: 0, snapLength: 1)
        #expect(woken.count == 0)
        _ = packets.record(.received) { ring, _ in
            ring.append(header(length: 1), payload: [1].span)
        }
        #expect(woken.count == 1)
        packets.resize(capacity: 2, snapLength: 8)
        let page = packets.page(after: 0, limit: 9)
        #expect(page.missed == 1 && page.next == 1 && page.items.isEmpty)
    }

    /// A packet of 0–199 bytes, as many and such as its number says.
    private func append(_ number: Int, to ring: inout PacketRing) {
        let byte = UInt8(truncatingIfNeeded: number)
        let payload = [UInt8](repeating: byte, count: number * 37 % 200)
        ring.append(header(length: payload.count), payload: payload.span)
    }

    private func expectIntact(_ ring: borrowing PacketRing, _ snapLength: (UInt64) -> Int) {
        var sequence = ring.oldest
        while sequence <= ring.newest {
            let packet = ring.packet(sequence)
            if packet.sequence != sequence || !isIntact(packet, snapLength(sequence)) {
                Issue.record("packet \(sequence) is not what it was")
            }
            sequence += 1
        }
    }

    private func isIntact(_ packet: CapturedPacket, _ snapLength: Int = 200) -> Bool {
        let length = Int(packet.sequence) * 37 % 200
        let byte = UInt8(truncatingIfNeeded: packet.sequence)
        return packet.length == length
            && packet.payload == [UInt8](repeating: byte, count: min(length, snapLength))
    }
}

extension PacketRing {
    /// Takes on another size, five packets or 300 bytes at a time.
    fileprivate mutating func resize(capacity: Int, snapLength: Int) {
        let beginning = beginning(capacity: capacity)
        var ring = PacketRing(capacity: capacity, snapLength: snapLength, from: beginning)
        while !ring.catchUp(with: self, packetsMax: 5, bytesMax: 300) {}
        self = ring
    }
}
