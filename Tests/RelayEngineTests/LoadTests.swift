import RelayModel
import Testing

@testable import RelayEngine

@Suite struct LoadTests {
    @Test func everySnapshotAddsUpWhileTrafficFlows() throws {
        try withEngine { engine in
            let receiver = definition(.multicastReceiver, group: anyGroup(), port: try freePort()) {
                $0.deny = [block("127.0.0.2")]
                $0.receiveBufferBytes = 65_536
            }
            let session = try engine.run(receiver)
            defer { engine.stop(session) }
            let group = try #require(receiver.group)
            let (sent, flooders) = (Counter(), Counter())
            try onThreads(6) { index in
                if index >= 4 { return poll(session, until: { flooders.count == 4 }) }
                flood(group, receiver.port, from: index, sent)
                flooders.increment()
            }
            #expect(
                eventually {
                    let values = session.values
                    return values.received.datagrams + (values.lostReceiveBufferFull ?? 0)
                        == UInt64(sent.count)
                }
            )
            let values = session.values
            #expect(values.received.datagrams == values.accepted.datagrams + values.droppedTotal)
            #expect(values.received.bytes == values.received.datagrams * 2)
            #expect(values.dropped[Int(DropReason.source.rawValue)] == values.droppedTotal)
            #expect(
                session.activity.recentPackets.page(after: nil, limit: 1).next
                    == values.received.datagrams
            )
        }
    }

    /// Senders of each thread: an accepted and a denied one in turn.
    private func flood(_ group: IPAddress, _ port: UInt16, from index: Int, _ sent: Counter) {
        do {
            let sockets = [try TestSocket(), try TestSocket(address("127.0.0.2"))]
            for number in 0..<10_000 where sockets[number % 2].send([1, 2], to: group, port) {
                sent.increment()
            }
        } catch {
            Issue.record(error)
        }
    }

    private func poll(_ session: RelaySession, until isOver: () -> Bool) {
        var last: UInt64 = 0
        while !isOver() {
            let values = session.values
            let received = values.received
            if received.datagrams != values.accepted.datagrams + values.droppedTotal
                || received.datagrams < last
            {
                Issue.record("\(values)")
            }
            last = received.datagrams
            session.activity.sampleRates(at: HostNetwork.monotonicNanoseconds())
            let page = session.activity.recentPackets.page(after: nil, limit: 50)
            if page.items.contains(where: { $0.payload != [1, 2] }) { Issue.record("torn") }
        }
    }

    @Test func aFloodedSessionDoesNotStarveAnother() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let sender = try engine.run(definition(.multicastSender, group: group, port: port))
            defer { engine.stop(sender) }
            let flooded = try engine.run(
                definition(.multicastReceiver, group: group, port: port) {
                    $0.receiveBufferBytes = 8_388_608
                }
            )
            defer { engine.stop(flooded) }
            let (quietGroup, quietPort) = (anyGroup(), try freePort())
            let quiet = try engine.run(
                definition(.multicastReceiver, group: quietGroup, port: quietPort)
            )
            defer { engine.stop(quiet) }
            let (goOn, isServed, aheadOf) = (Latch(), Latch(), Locked<UInt64>(0))
            engine.block(with: sender, until: goOn)
            let socket = try TestSocket()
            for _ in 0..<5000 { #expect(socket.send([1], to: group, port)) }
            socket.send([2], to: quietGroup, quietPort)
            _ = quiet.activity.recentPackets.wait(after: 0, direction: .received) {
                aheadOf.withLock { $0 = flooded.values.received.datagrams }
                isServed.set()
            }
            goOn.set()
            isServed.wait()
            // At most a turn of four batches goes before.
            #expect(aheadOf.withLock { $0 } <= 256)
            #expect(eventually { flooded.values.received.datagrams == 5000 })
        }
    }

    @Test func aLongRequestDoesNotHoldUpReceiving() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let sender = try engine.run(definition(.multicastSender, group: group, port: port))
            defer { engine.stop(sender) }
            let receiver = try engine.run(
                definition(.multicastReceiver, group: anyGroup(), port: port)
            )
            defer { engine.stop(receiver) }
            let (goOn, isServed, isSent, ahead) = (Latch(), Latch(), Latch(), Locked<UInt64>(0))
            engine.block(with: sender, until: goOn)
            engine.send(SendRequest([[UInt8]](repeating: [1], count: 1024)), from: sender) { _ in
                isSent.set()
            }
            try TestSocket().send([1], to: try #require(receiver.definition.group), port)
            _ = receiver.activity.recentPackets.wait(after: 0, direction: .received) {
                ahead.withLock { $0 = sender.values.sent.datagrams }
                isServed.set()
            }
            goOn.set()
            isServed.wait()
            isSent.wait()
            #expect(ahead.withLock { $0 } <= 128)
        }
    }

    @Test func sessionsComeAndGoAmidTrafficAndReaders() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let steady = try engine.run(definition(.multicastPeer, group: group, port: port))
            defer { engine.stop(steady) }
            let changed = Counter()
            try onThreads(4) { index in
                do {
                    switch index {
                    case 0:
                        for _ in 0..<200 {
                            let session = try engine.run(
                                definition(.multicastReceiver, group: group, port: port)
                            )
                            engine.stop(session)
                        }
                        changed.increment()
                    case 1:
                        let socket = try TestSocket()
                        while changed.count == 0 { socket.send([3], to: group, port) }
                    case 2:
                        while changed.count == 0 {
                            let outcome = engine.sendAndWait([[4], [5]], from: steady)
                            if outcome?.failure != nil { Issue.record("not sent") }
                        }
                    default:
                        poll(steady)
                        while changed.count == 0 { poll(steady) }
                    }
                } catch {
                    Issue.record(error)
                    changed.increment()
                }
            }
            let values = steady.values
            #expect(values.sent.datagrams % 2 == 0)
            #expect(values.dropped[Int(DropReason.own.rawValue)] <= values.sent.datagrams)
        }
    }

    private func poll(_ session: RelaySession) {
        _ = session.values
        _ = session.activity.recentPackets.summary()
        _ = session.activity.rates()
    }
}
