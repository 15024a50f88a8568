import RelayModel
import Testing

@testable import RelayEngine

/// A session that runs takes on another definition.
@Suite struct UpdateTests {
    @Test func theSocketAndItsCountersStay() throws {
        try withReceiver { engine, session in
            let client = try TestSocket()
            client.send([1], to: group(session), session.definition.port)
            #expect(eventually { session.values.accepted.datagrams == 1 })
            let next = try engine.update(session) { $0.deny = [block("127.0.0.1")] }
            #expect(next.socket === session.socket && next.activity === session.activity)
            #expect(next.path == session.path && next.localEndpoint == session.localEndpoint)
            client.send([2], to: group(session), session.definition.port)
            #expect(eventually { next.values.dropped[Int(DropReason.source.rawValue)] == 1 })
            #expect(next.values.accepted.datagrams == 1)
            #expect(next.packets().map(\.sequence) == [1, 2])
        }
    }

    @Test func theEarlierValueStillSendsAndStops() throws {
        try withEngine { engine in
            let peer = definition(.multicastPeer, group: anyGroup(), port: try freePort())
            let session = try engine.run(peer)
            let next = try engine.update(session) { $0.ttl = 7 }
            #expect(engine.sendAndWait([[1]], from: session)?.failure == nil)
            #expect(engine.sendAndWait([[2]], from: next)?.failure == nil)
            #expect(next.packets().filter { $0.direction == .sent }.map(\.ttl) == [7, 7])
            engine.stop(session)
            #expect(engine.sendAndWait([[3]], from: next)?.failure?.code == .sessionNotRunning)
        }
    }

    @Test func aSessionIsChangedBeforeItIsStarted() throws {
        try withEngine { engine in
            let receiver = definition(.multicastReceiver, group: anyGroup(), port: try freePort())
            let opened = try engine.open(receiver, activity: SessionActivity(receiver))
            let next = try engine.update(opened) {
                $0.recentPackets = 1
                $0.deny = [block("127.0.0.0/8")]
            }
            try engine.start(next)
            defer { engine.stop(next) }
            let client = try TestSocket()
            for _ in 0..<2 { client.send([1], to: group(next), receiver.port) }
            #expect(eventually { next.values.dropped[Int(DropReason.source.rawValue)] == 2 })
            #expect(eventually { next.packets().map(\.sequence) == [2] })
        }
    }

    @Test func aStoppedSessionIsNotChanged() throws {
        try withReceiver { engine, session in
            engine.stop(session)
            let error = #expect(throws: SessionError.self) {
                try engine.update(session) { $0.sources = [loopbackIPv4] }
            }
            #expect(error?.code == .sessionNotRunning)
        }
    }

    @Test func afterTheEngineHasEndedTheChangeIsTakenBack() throws {
        try withReceiver { engine, session in
            engine.shutDown()
            let error = #expect(throws: SessionError.self) {
                try engine.update(session) { $0.receiveBufferBytes = 50_000 }
            }
            #expect(error?.code == .sessionNotRunning)
            let granted = try session.socket.grantedReceiveBufferBytes()
            #expect(granted == session.receiveBufferBytes)
        }
    }

    /// 11 sources are more than igmp_max_msf allows.
    @Test func aRefusedChangeLeavesEverythingAsItWas() throws {
        try withReceiver { engine, session in
            let error = #expect(throws: SessionError.self) {
                try engine.update(session) {
                    $0.receiveBufferBytes = 50_000
                    $0.sources = (1...11).map { IPAddress(ipv4: 0x7F00_0100 + $0) }
                    $0.deny = [block("127.0.0.1")]
                    $0.recentPackets = 0
                }
            }
            #expect(error?.code == .groupJoinFailed && error?.errno == "ENOBUFS")
            let granted = try session.socket.grantedReceiveBufferBytes()
            #expect(granted == session.receiveBufferBytes)
            try TestSocket().send([1], to: group(session), session.definition.port)
            #expect(eventually { session.values.accepted.datagrams == 1 })
            #expect(session.packets().count == 1)
        }
    }

    @Test func theReceiveBufferIsGrantedAnewAndTheDefaultComesBack() throws {
        try withReceiver { engine, session in
            let small = try engine.update(session) { $0.receiveBufferBytes = 50_000 }
            #expect(small.receiveBufferBytes == 50_000)
            #expect(small.receiveBufferBytes != session.receiveBufferBytes)
            let usual = try engine.update(small) { $0.receiveBufferBytes = nil }
            #expect(usual.receiveBufferBytes == session.receiveBufferBytes)
        }
    }

    @Test func onlyTheNewSourcesAreLetIn() throws {
        try withReceiver { engine, session in
            let (local, other) = (loopbackIPv4, address("127.0.0.77"))
            let client = try TestSocket()
            var current = session
            var (accepted, dropped): (UInt64, UInt64) = (0, 0)
            for sources in [[local], [other], [other, local], [], [other], []] {
                current = try engine.update(current) { $0.sources = sources }
                client.send([1], to: group(session), session.definition.port)
                if sources.isEmpty || sources.contains(local) { accepted += 1 }
                // By its own address, so that it tells that the other one was not let in.
                client.send([2], to: local, session.definition.port)
                dropped += 1
                #expect(eventually { current.values.droppedTotal == dropped })
                #expect(current.values.accepted.datagrams == accepted)
            }
            #expect(accepted == 4)
        }
    }

    @Test func anEqualReplyKeepsItsBucketAndAnotherStartsAfresh() throws {
        let reply = Reply(.text("a"), perSecondMax: 1)
        try withReceiver(reply: reply) { engine, session in
            let client = try TestSocket()
            func ask(_ session: RelaySession, _ count: UInt64) {
                client.send([1], to: group(session), session.definition.port)
                #expect(
                    eventually {
                        let values = session.values
                        return values.replied.datagrams + values.repliesRateLimited == count
                    }
                )
            }
            for count in 1...20 { ask(session, UInt64(count)) }
            let before = session.values.replied.datagrams
            let other = try engine.update(session) { $0.reply?.content = .text("b") }
            ask(other, 21)
            #expect(other.values.replied.datagrams == before + 1)
            var same = other
            for count in 22...40 {
                same = try engine.update(same) { $0.allow = [block("127.0.0.\(count)/8")] }
                ask(same, UInt64(count))
            }
            // A fresh bucket each time would have answered all.
            #expect(same.values.repliesRateLimited >= 30)
            let silent = try engine.update(same) { $0.reply = nil }
            client.send([1], to: group(session), session.definition.port)
            #expect(eventually { silent.values.accepted.datagrams == 41 })
            #expect(silent.values.replied.datagrams + silent.values.repliesRateLimited == 40)
        }
    }

    @Test func ownDatagramsAreRememberedAcrossChanges() throws {
        try withEngine { engine in
            let peer = definition(.multicastPeer, group: anyGroup(), port: try freePort())
            var session = try engine.run(peer)
            defer { engine.stop(session) }
            for number in 1...50 {
                engine.send(SendRequest([[UInt8(number)]]), from: session) { _ in }
                session = try engine.update(session) { $0.deny = [block("10.0.0.\(number)/32")] }
            }
            let own = Int(DropReason.own.rawValue)
            #expect(eventually { session.values.dropped[own] == 50 })
            #expect(session.values.accepted.datagrams == 0)
            let hearing = try engine.update(session) { $0.receiveOwn = true }
            #expect(engine.sendAndWait([[1]], from: hearing)?.failure == nil)
            #expect(eventually { hearing.values.accepted.datagrams == 1 })
        }
    }

    @Test func whatWaitsToBeSentIsSent() throws {
        try withEngine { engine in
            let sender = definition(.multicastSender, group: anyGroup(), port: try freePort())
            let session = try engine.run(sender)
            defer { engine.stop(session) }
            let goOn = Latch()
            engine.block(with: session, until: goOn)
            let sent = Counter()
            for _ in 0..<50 {
                engine.send(SendRequest([[UInt8]](repeating: [1], count: 100)), from: session) {
                    for _ in $0.sent { sent.increment() }
                }
            }
            let updater = try WorkerThread(name: "updater") {
                if (try? engine.update(session) { $0.ttl = 9 }) == nil { Issue.record("refused") }
            }
            goOn.set()
            updater.join()
            #expect(eventually { sent.count == 5000 })
            #expect(session.values.sent.datagrams == 5000)
        }
    }

    private func group(_ session: RelaySession) -> IPAddress {
        session.definition.group ?? loopbackBroadcast
    }

    private func withReceiver(
        reply: Reply? = nil,
        _ body: (RelayEngine, RelaySession) throws -> Void
    ) throws {
        try withEngine { engine in
            let receiver = definition(
                .multicastReceiver,
                group: anyGroup(),
                port: try freePort()
            ) { $0.reply = reply }
            let session = try engine.run(receiver)
            defer { engine.stop(session) }
            try body(engine, session)
        }
    }
}

extension RelayEngine {
    /// Changes the definition of a session in place.
    func update(
        _ session: RelaySession,
        _ change: (inout SessionDefinition) -> Void
    ) throws -> RelaySession {
        var definition = session.definition
        change(&definition)
        let next = try update(session, to: definition)
        next.activity.resizeRing(definition)
        return next
    }
}
