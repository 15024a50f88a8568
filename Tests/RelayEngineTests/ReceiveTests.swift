import RelayModel
import Testing

@testable import RelayEngine

@Suite struct ReceiveTests {
    @Test func acceptedAndDroppedAreCountedExactly() throws {
        try withEngine { engine in
            let group = anyGroup()
            let receiver = definition(.multicastReceiver, group: group, port: try freePort()) {
                $0.deny = [block("127.0.0.2")]
            }
            let session = try engine.run(receiver)
            defer { engine.stop(session) }
            let (good, bad) = (try TestSocket(), try TestSocket(address("127.0.0.2")))
            for _ in 0..<3 { good.send([1, 2, 3, 4], to: group, receiver.port) }
            for _ in 0..<2 { bad.send([1, 2], to: group, receiver.port) }
            good.send([9], to: loopbackIPv4, receiver.port)
            #expect(eventually { session.values.received.datagrams == 6 })
            let values = session.values
            #expect(values.accepted == Traffic(datagrams: 3, bytes: 12))
            #expect(values.dropped[Int(DropReason.source.rawValue)] == 2)
            #expect(values.dropped[Int(DropReason.destinationClass.rawValue)] == 1)
            #expect(values.droppedTotal == 3 && values.droppedBytes == 5)
            #expect(values.received.bytes == 17 && values.lostReceiveBufferFull == 0)
            #expect(values.lastReceivedAt != nil && values.lastSentAt == nil)
        }
    }

    /// In one batch, what was found for one datagram must not be taken for the next.
    @Test func eachDatagramOfABatchIsJudgedByItsOwnOrigin() throws {
        try withEngine { engine in
            let group = anyGroup()
            let receiver = definition(.multicastReceiver, group: group, port: try freePort()) {
                $0.deny = [block("127.0.0.2")]
                $0.coalescing = .microseconds(5000)
            }
            let session = try engine.run(receiver)
            defer { engine.stop(session) }
            let (good, bad) = (try TestSocket(), try TestSocket(address("127.0.0.2")))
            for _ in 0..<8 {
                good.send([1], to: group, receiver.port)
                bad.send([2, 2], to: group, receiver.port)
                bad.send([3, 3, 3], to: loopbackIPv4, receiver.port)
                good.send([4, 4, 4, 4], to: group, receiver.port)
            }
            #expect(eventually { session.values.received.datagrams == 32 })
            let reasons = session.packets().map(\.dropReason)
            let turn: [DropReason?] = [nil, .source, .destinationClass, nil]
            #expect(reasons == (0..<8).flatMap { _ in turn })
            let values = session.values
            #expect(values.accepted == Traffic(datagrams: 16, bytes: 40))
            #expect(values.dropped[Int(DropReason.source.rawValue)] == 8)
            #expect(values.dropped[Int(DropReason.destinationClass.rawValue)] == 8)
            #expect(values.droppedBytes == 40)
            let sources = session.activity.recentPackets.summary().sources
            #expect(
                sources.map(\.traffic)
                    == Array(repeating: Traffic(datagrams: 16, bytes: 40), count: 2)
            )
        }
    }

    @Test func aPacketTellsWhereItCameFromAndWentTo() throws {
        try withEngine { engine in
            let group = anyGroup()
            let receiver = definition(.multicastReceiver, group: group, port: try freePort())
            let session = try engine.run(receiver)
            defer { engine.stop(session) }
            let sender = try TestSocket()
            sender.send([1, 2, 3], to: group, receiver.port)
            #expect(eventually { session.values.accepted.datagrams == 1 })
            let packet = try #require(session.packets().first)
            #expect(packet.sequence == 1 && packet.direction == .received)
            #expect(packet.source == sender.endpoint)
            #expect(packet.destination == Endpoint(group, port: receiver.port))
            #expect(packet.destinationClass == .multicast && packet.dropReason == nil)
            #expect(packet.interfaceIndex == 1 && packet.localAddress == loopbackIPv4)
            #expect(packet.ttl == 1 && packet.length == 3 && packet.payload == [1, 2, 3])
            let source = session.activity.recentPackets.summary().sources.first
            #expect(source?.source == sender.endpoint && source?.traffic.bytes == 3)
        }
    }

    @Test(arguments: [IPAddress.Family.ipv4, .ipv6])
    func unicastIsReceivedInBothFamilies(family: IPAddress.Family) throws {
        try withEngine { engine in
            let local = family == .ipv4 ? loopbackIPv4 : loopbackIPv6
            let receiver = definition(
                .multicastReceiver,
                group: anyGroup(family),
                port: try freePort(family)
            ) { $0.accept = [.unicast] }
            let session = try engine.run(receiver)
            defer { engine.stop(session) }
            let sender = try TestSocket(local)
            sender.send([], to: local, receiver.port)
            sender.send([5], to: local, receiver.port)
            #expect(eventually { session.values.accepted.datagrams == 2 })
            let packets = session.packets()
            #expect(packets.map(\.length) == [0, 1])
            #expect(packets.allSatisfy { $0.source == sender.endpoint && $0.localAddress == local })
        }
    }

    @Test func theSmallestAndTheLargestDatagramPassWhole() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let receiver = try engine.run(
                definition(.multicastReceiver, group: group, port: port) {
                    $0.snapLength = 65_535
                    $0.receiveBufferBytes = 1_048_576
                }
            )
            defer { engine.stop(receiver) }
            let sender = try engine.run(definition(.multicastSender, group: group, port: port))
            defer { engine.stop(sender) }
            let large = (0..<65_507).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let outcome = try #require(engine.sendAndWait([[], large, [], large], from: sender))
            #expect(outcome.failure == nil && outcome.sent.map(\.length) == [0, 65_507, 0, 65_507])
            #expect(eventually { receiver.values.accepted.datagrams == 4 })
            #expect(receiver.packets().map(\.payload) == [[], large, [], large])
            #expect(receiver.values.accepted.bytes == 131_014 && receiver.values.truncated == 0)
            #expect(sender.values.sent == Traffic(datagrams: 4, bytes: 131_014))
        }
    }

    @Test func broadcastIsReceivedAndToldFromUnicast() throws {
        try withEngine { engine in
            let receiver = definition(.broadcast, role: .receiver, port: try freePort())
            let session = try engine.run(receiver)
            defer { engine.stop(session) }
            let sender = try TestSocket()
            sender.allowBroadcast()
            #expect(sender.send([1], to: loopbackBroadcast, receiver.port))
            sender.send([2], to: loopbackIPv4, receiver.port)
            #expect(eventually { session.values.accepted.datagrams == 2 })
            #expect(session.packets().map(\.destinationClass) == [.broadcast, .unicast])
        }
    }

    @Test func groupsThatOthersJoinedAreNotReceived() throws {
        try withEngine { engine in
            let (one, other, port) = (anyGroup(), anyGroup(), try freePort())
            let first = try engine.run(definition(.multicastReceiver, group: one, port: port))
            defer { engine.stop(first) }
            let second = try engine.run(definition(.multicastReceiver, group: other, port: port))
            defer { engine.stop(second) }
            let sender = try TestSocket()
            for _ in 0..<5 { sender.send([1], to: one, port) }
            for _ in 0..<7 { sender.send([2], to: other, port) }
            #expect(
                eventually {
                    first.values.received.datagrams == 5 && second.values.received.datagrams == 7
                }
            )
            #expect(first.packets().allSatisfy { $0.payload == [1] })
        }
    }

    @Test func onlyTheSourcesOfASourceSpecificSessionAreReceived() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let session = try engine.run(
                definition(.multicastReceiver, group: group, port: port) {
                    $0.sources = [address("127.0.0.3")]
                }
            )
            defer { engine.stop(session) }
            try TestSocket().send([1], to: group, port)
            try TestSocket(address("127.0.0.3")).send([2], to: group, port)
            #expect(eventually { session.values.received.datagrams > 0 })
            #expect(session.packets().map(\.payload) == [[2]])
        }
    }

    @Test func aFullReceiveBufferIsCountedAsLost() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let sender = try engine.run(definition(.multicastSender, group: group, port: port))
            let session = try engine.run(
                definition(.multicastReceiver, group: group, port: port) {
                    $0.receiveBufferBytes = 4096
                }
            )
            let goOn = Latch()
            engine.block(with: sender, until: goOn)
            let socket = try TestSocket()
            for _ in 0..<200 { #expect(socket.send([1, 2], to: group, port)) }
            let lost = try #require(session.values.lostReceiveBufferFull)
            #expect(lost > 0 && session.values.received.datagrams == 0)
            goOn.set()
            #expect(eventually { session.values.received.datagrams + lost == 200 })
            #expect(session.values.lostReceiveBufferFull == lost)
            engine.stop(session)
            // What was lost is remembered after the socket is closed.
            #expect(session.values.lostReceiveBufferFull == lost)
            engine.stop(sender)
        }
    }
}
