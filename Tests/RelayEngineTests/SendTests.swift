import RelayModel
import Testing

@testable import RelayEngine

@Suite struct SendTests {
    @Test func aThousandDatagramsKeepTheirOrderAndSequences() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let receiver = try engine.run(
                definition(.multicastReceiver, group: group, port: port) {
                    $0.recentPackets = 4096
                    $0.receiveBufferBytes = 4_194_304
                }
            )
            defer { engine.stop(receiver) }
            let sender = try engine.run(
                definition(.multicastSender, group: group, port: port) { $0.recentPackets = 4096 }
            )
            defer { engine.stop(sender) }
            let datagrams = (0..<1024).map { number in
                [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 600)
            }
            let outcome = try #require(engine.sendAndWait(datagrams, from: sender))
            #expect(outcome.failure == nil)
            #expect(outcome.sent.map(\.sequence) == Array(1...1024))
            #expect(outcome.sent.map(\.length) == datagrams.map(\.count))
            #expect(sender.values.sent.datagrams == 1024)
            #expect(eventually { receiver.values.accepted.datagrams == 1024 })
            #expect(receiver.packets().map(\.sequence) == Array(1...1024))
            #expect(receiver.packets().map(\.length) == datagrams.map(\.count))
            #expect(sender.packets().map(\.payload) == datagrams.map { Array($0.prefix(256)) })
        }
    }

    @Test func requestsOfManyThreadsDoNotMix() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let sender = try engine.run(
                definition(.multicastSender, group: group, port: port) { $0.recentPackets = 4096 }
            )
            defer { engine.stop(sender) }
            try onThreads(4) { thread in
                for _ in 0..<8 {
                    let datagrams = [[UInt8]](repeating: [UInt8(thread)], count: 100)
                    let outcome = engine.sendAndWait(datagrams, from: sender)
                    let first = outcome?.sent.first?.sequence ?? 0
                    #expect(outcome?.failure == nil && first > 0)
                    #expect(outcome?.sent.map(\.sequence) == Array(first..<first + 100))
                }
            }
            #expect(sender.values.sent == Traffic(datagrams: 3200, bytes: 3200))
        }
    }

    @Test func aSentPacketTellsWhereItWentTo() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let sender = try engine.run(
                definition(.multicastSender, group: group, port: port) { $0.ttl = 7 }
            )
            defer { engine.stop(sender) }
            #expect(engine.sendAndWait([[1]], from: sender)?.failure == nil)
            let packet = try #require(sender.packets().first)
            #expect(packet.direction == .sent && packet.ttl == 7)
            #expect(packet.destination == Endpoint(group, port: port))
            // The kernel chose the source address, and does not say which.
            #expect(packet.source == nil)
            #expect(packet.interfaceIndex == sender.interface?.index)
        }
    }

    @Test func anEmptyRequestIsDoneAtOnce() throws {
        try withEngine { engine in
            let sender = try engine.run(
                definition(.multicastSender, group: anyGroup(), port: try freePort())
            )
            defer { engine.stop(sender) }
            let outcome = try #require(engine.sendAndWait([], from: sender))
            #expect(outcome.sent.isEmpty && outcome.failure == nil)
            #expect(sender.values.lastSentAt == nil)
        }
    }

    @Test func aSessionThatWasStoppedDoesNotSend() throws {
        try withEngine { engine in
            let sender = try engine.run(
                definition(.multicastSender, group: anyGroup(), port: try freePort())
            )
            engine.stop(sender)
            let outcome = try #require(engine.sendAndWait([[1]], from: sender))
            #expect(outcome.sent.isEmpty && outcome.failure?.code == .sessionNotRunning)
        }
    }

    @Test func aSessionThatOnlyReceivesDoesNotSend() throws {
        try withEngine { engine in
            let receiver = try engine.run(
                definition(.multicastReceiver, group: anyGroup(), port: try freePort())
            )
            defer { engine.stop(receiver) }
            let outcome = try #require(engine.sendAndWait([[1]], from: receiver))
            #expect(outcome.sent.isEmpty && outcome.failure?.code == .cannotSend)
        }
    }

    @Test func anEngineThatWasShutDownDoesNotSend() throws {
        let engine = try RelayEngine(RelayEngine.Options(hostname: "h"))
        let sender = try engine.run(
            definition(.multicastSender, group: anyGroup(), port: try freePort())
        )
        engine.shutDown()
        let outcome = try #require(engine.sendAndWait([[1]], from: sender))
        #expect(outcome.failure?.code == .sessionNotRunning)
        engine.stop(sender)
    }

    @Test func requestsBeyondTheLimitAreRefused() throws {
        try withEngine { engine in
            let sender = try engine.run(
                definition(.multicastSender, group: anyGroup(), port: try freePort())
            )
            defer { engine.stop(sender) }
            let goOn = Latch()
            engine.block(with: sender, until: goOn)
            let (sent, refused) = (Counter(), Counter())
            for _ in 0..<Mailbox.sendsMax + 10 {
                engine.send(SendRequest([[1]]), from: sender) { outcome in
                    if outcome.failure?.code == .sendBufferFull { refused.increment() }
                    if outcome.failure == nil { sent.increment() }
                }
            }
            #expect(refused.count == 10)
            goOn.set()
            #expect(eventually { sent.count == Mailbox.sendsMax })
        }
    }

    @Test func whatIsReportedOfAHostIsCountedAndHoldsNothingUp() throws {
        try withEngine { engine in
            // A broadcast session whose address is a host's: the network answers with ICMP.
            let port = try freePort()
            let sender = try engine.run(
                definition(.broadcast, role: .sender, port: port) { $0.address = loopbackIPv4 }
            )
            defer { engine.stop(sender) }
            #expect(engine.sendAndWait([[1]], from: sender)?.failure == nil)
            let target = try TestSocket(loopbackIPv4, port: port)
            #expect(engine.sendAndWait([[2]], from: sender)?.failure == nil)
            #expect(target.receive()?.payload == [2])
            #expect(sender.values.sent.datagrams == 2)
            #expect(sender.values.lostSendFailed == 0)
            #expect(eventually { sender.values.unreachable == 1 })
            let error = sender.activity.recentPackets.summary().lastError
            #expect(error?.operation == "icmp" && error?.errno == "ECONNREFUSED")
        }
    }

    @Test func errorsOfEarlierSendsDoNotFailLaterOnes() throws {
        try withEngine { engine in
            let sender = try engine.run(
                definition(.broadcast, role: .sender, port: try freePort()) {
                    $0.address = loopbackIPv4
                }
            )
            defer { engine.stop(sender) }
            for _ in 0..<20 {
                let outcome = try #require(
                    engine.sendAndWait([[UInt8]](repeating: [1], count: 50), from: sender)
                )
                #expect(outcome.failure == nil && outcome.sent.count == 50)
            }
            #expect(sender.values.sent.datagrams == 1000)
            #expect(sender.values.lostSendBufferFull == 0)
        }
    }

    /// The error queue shares the receive buffer; when that is full the error is only pending.
    @Test func anErrorWithoutRoomInTheQueueDoesNotFailALaterSend() throws {
        try withEngine { engine in
            let answering = definition(.broadcast, role: .receiver, port: try freePort()) {
                $0.reply = Reply(.bytes([1]))
                $0.receiveBufferBytes = 2048
            }
            let session = try engine.open(answering, activity: SessionActivity(answering))
            defer { engine.stop(session) }
            let socket = try TestSocket()
            for _ in 0..<100 {
                socket.send([1, 2, 3], to: loopbackIPv4, session.localEndpoint.port)
            }
            let active = ActiveSession(
                session,
                hostname: "h",
                copies: SentCopies(),
                host: HostInterfaces()
            )
            var batch = SendBatch()
            let target = Endpoint(loopbackIPv4, port: try freePort())
            _ = batch.append([1].span, to: target, interfaceIndex: 0, localAddress: nil)
            for _ in 0..<5 {
                let sent = active.transmit(&batch, from: 0)
                #expect(sent == 1)
            }
            active.collectReports()
            #expect(session.values.unreachable == 5 && session.values.lostSendFailed == 0)
        }
    }

    @Test func aBroadcastLeavesByTheNamedInterface() throws {
        try withEngine { engine in
            let port = try freePort()
            let receiver = try engine.run(definition(.broadcast, role: .receiver, port: port))
            defer { engine.stop(receiver) }
            let sender = try engine.run(definition(.broadcast, role: .sender, port: port))
            defer { engine.stop(sender) }
            #expect(engine.sendAndWait([[1], [2]], from: sender)?.failure == nil)
            #expect(eventually { receiver.values.accepted.datagrams == 2 })
            #expect(sender.packets().allSatisfy { $0.destinationClass == .broadcast })
        }
    }
}
