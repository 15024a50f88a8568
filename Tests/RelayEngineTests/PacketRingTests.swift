import CRelaySocket
import RelayModel
import Testing

@testable import RelayEngine

@Suite struct PacketRingTests {
    @Test func sequencesCountFromOne() {
        var ring = PacketRing(capacity: 4, snapLength: 8)
        #expect(ring.newest == 0 && ring.oldest == 1 && ring.count == 0)
        for number in 1...3 { append(number, length: 8, to: &ring) }
        #expect(ring.newest == 3 && ring.oldest == 1 && ring.count == 3)
    }

    @Test func theOldestPacketGivesWay() {
        var ring = PacketRing(capacity: 4, snapLength: 8)
        for number in 1...11 { append(number, length: 8, to: &ring) }
        #expect(ring.newest == 11 && ring.oldest == 8 && ring.count == 4)
        expectIntact(ring, snapLength: 8)
    }

    @Test func aSessionThatKeepsNothingStillCounts() {
        var ring = PacketRing(capacity: 0, snapLength: 256)
        for number in 1...5 { append(number, length: 8, to: &ring) }
        #expect(ring.newest == 5 && ring.oldest == 6 && ring.count == 0)
    }

    @Test func snapLengthZeroKeepsHeadersOnly() {
        var ring = PacketRing(capacity: 3, snapLength: 0)
        for number in 1...7 { append(number, length: 100, to: &ring) }
        #expect(ring.count == 3)
        for sequence in ring.oldest...ring.newest {
            #expect(ring.packet(sequence).payload.isEmpty)
            #expect(ring.packet(sequence).length == 100)
        }
    }

    /// 4096 packets of 60 000 bytes would be 245 MB: the payload limit evicts first.
    @Test(arguments: [60_000, 65_507, 1, 0])
    func largePayloadsAreEvictedByBytes(length: Int) {
        var ring = PacketRing(capacity: 4096, snapLength: 65_535)
        let room = PacketRing.payloadBytesMax + 65_535
        for number in 1...300 {
            append(number, length: length, to: &ring)
            #expect(ring.count * length <= room)
            expectIntact(ring, snapLength: 65_535)
        }
        // No more is thrown away than must be.
        let kept = length == 0 ? 300 : min(300, PacketRing.payloadBytesMax / length)
        #expect(ring.count >= kept)
    }

    @Test(arguments: [1, 2, 3, 7, 64], [1, 2, 255, 256, 257])
    func everyPacketStaysIntactAcrossTheWrap(capacity: Int, snapLength: Int) {
        var ring = PacketRing(capacity: capacity, snapLength: snapLength)
        for number in 1...(capacity * 7 + 5) {
            let lengths = [0, 1, snapLength - 1, snapLength, snapLength + 1, snapLength / 2]
            append(number, length: lengths[number * 7 % 6], to: &ring)
            #expect(ring.count == min(number, capacity))
            expectIntact(ring, snapLength: snapLength)
        }
    }

    /// As many payloads as headers fit just so, or just not.
    @Test(arguments: [(4096, 1024), (4096, 1025), (64, 65_535), (65, 65_535), (3, 1), (1, 65_535)])
    func ringsAroundTheByteLimitStayIntact(capacity: Int, snapLength: Int) {
        var ring = PacketRing(capacity: capacity, snapLength: snapLength)
        var random = SystemRandomNumberGenerator()
        for number in 1...3 * capacity + 7 {
            let isWhole = number.isMultiple(of: 3) || Bool.random(using: &random)
            let length = isWhole ? snapLength : Int.random(in: 0...snapLength, using: &random)
            append(number, length: length, to: &ring)
            if number % 997 == 0 || number > 3 * capacity {
                expectIntact(ring, snapLength: snapLength)
            }
        }
        #expect(capacity * snapLength > PacketRing.payloadBytesMax || ring.count == capacity)
    }

    @Test func mixedSizesNearTheByteLimitStayIntact() {
        var ring = PacketRing(capacity: 4096, snapLength: 65_535)
        var random = SystemRandomNumberGenerator()
        for number in 1...600 {
            let isLarge = Bool.random(using: &random)
            append(number, length: Int.random(in: isLarge ? 40_000...65_507 : 0...9), to: &ring)
            if number % 7 == 0 || number > 580 { expectIntact(ring, snapLength: 65_535) }
        }
    }
}

/// A packet whose length and bytes follow from its sequence number.
private func append(_ number: Int, length: Int, to ring: inout PacketRing) {
    let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: length)
    ring.append(header(length: length), payload: payload.span)
}

func header(
    _ direction: CapturedPacket.Direction = .received,
    length: Int
) -> PacketRing.Header {
    switch direction {
    case .received:
        var values = relay_received()
        values.family = 4
        values.length = UInt16(length)
        return PacketRing.Header(
            ReceivedDatagram(values),
            localPort: 2,
            dropReason: nil,
            at: Timestamp(nanoseconds: 1)
        )
    case .sent:
        return PacketRing.Header(
            sentTo: Endpoint(loopbackIPv4, port: 2),
            .unicast,
            from: nil,
            interfaceIndex: 1,
            ttl: 1,
            length: length,
            at: Timestamp(nanoseconds: 1)
        )
    }
}

private func expectIntact(_ ring: borrowing PacketRing, snapLength: Int) {
    var sequence = ring.oldest
    while sequence <= ring.newest {
        let packet = ring.packet(sequence)
        let byte = UInt8(truncatingIfNeeded: sequence)
        let isIntact =
            packet.sequence == sequence && packet.payload.count == min(packet.length, snapLength)
            && packet.payload.first ?? byte == byte && packet.payload.last ?? byte == byte
        if !isIntact { Issue.record("packet \(sequence) is torn") }
        sequence += 1
    }
}
