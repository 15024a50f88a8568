import RelayModel
import Testing

@testable import RelayEngine

/// What decides whether a datagram goes on to a target.
@Suite struct ForwardRulesTests {
    private func dropped(_ session: RelaySession, _ reason: TargetDropReason) -> UInt64 {
        session.activity.targetValues()[0].dropped[Int(reason.rawValue)]
    }

    @Test func aDecrementedTTLArrivesAndTheThresholdHolds() throws {
        let change: (inout SessionDefinition) -> Void = {
            $0.forward[0].ttlMode = .decrement
            $0.forward[0].ttlThreshold = 9
        }
        try withRelay(1, change: change) { session, _, port, engine in
            // What arrives is looked at by another session, which sees TTLs.
            let observer = definition(.broadcast, role: .receiver, port: try freePort()) {
                $0.name = named("observer")
                $0.accept = [.unicast]
            }
            let observing = try engine.run(observer)
            defer { engine.stop(observing) }
            var next = session.definition
            next.forward[0].destination = unicast(observer.port).destination
            _ = try engine.update(session, to: next)
            let sender = try TestSocket()
            for ttl in [64, 9, 10, 1, 33] {
                sender.setTTL(ttl)
                sender.send([UInt8(ttl)], to: loopbackIPv4, port)
            }
            #expect(eventually { observing.packets().map(\.payload) == [[64], [10], [33]] })
            #expect(observing.packets().map(\.ttl) == [63, 9, 32])
            #expect(eventually { dropped(session, .ttl) == 2 })
        }
    }

    @Test func theRulesOfATargetHoldOnlyThatTarget() throws {
        let change: (inout SessionDefinition) -> Void = {
            $0.forward[0].deny = [CIDRBlock("127.0.0.0/8")!]
            $0.forward[1].allow = [CIDRBlock("127.0.0.1")!]
        }
        try withRelay(2, change: change) { session, sockets, port in
            let sender = try TestSocket()
            for number in 0..<100 { sender.send([UInt8(number)], to: loopbackIPv4, port) }
            for number in 0..<100 {
                #expect(sockets[1].receive()?.payload == [UInt8(number)])
            }
            #expect(eventually { dropped(session, .source) == 100 })
            #expect(session.activity.targetValues()[1].dropped.allSatisfy { $0 == 0 })
            #expect(eventually { session.values.forwarded.datagrams == 100 })
        }
    }

    @Test func oneInSoManyIsRelayedFromTheFirstOn() throws {
        let change: (inout SessionDefinition) -> Void = { $0.forward[0].sampleOneIn = 3 }
        try withRelay(1, change: change) { session, sockets, port in
            let sender = try TestSocket()
            for number in 0..<8 { sender.send([UInt8(number)], to: loopbackIPv4, port) }
            for number in [0, 3, 6] { #expect(sockets[0].receive()?.payload == [UInt8(number)]) }
            #expect(eventually { dropped(session, .sampling) == 5 })
            #expect(session.values.accepted.datagrams == 8)
        }
    }

    @Test func aChangeOfOtherRulesKeepsBucketsAndSamples() throws {
        let change: (inout SessionDefinition) -> Void = {
            // Five at once, and then one a second.
            $0.forward[0].limits = TrafficLimits(datagramsPerSecond: 1, burstMilliseconds: 5000)
            $0.forward[1].sampleOneIn = 4
        }
        try withRelay(2, change: change) { session, sockets, port, engine in
            let sender = try TestSocket()
            for number in 0..<6 { sender.send([UInt8(number)], to: loopbackIPv4, port) }
            #expect(eventually { session.values.accepted.datagrams == 6 })
            var next = session.definition
            next.forward[0].deny = [CIDRBlock("10.0.0.1")!]
            next.forward[1].allow = [CIDRBlock("127.0.0.0/8")!]
            let changed = try engine.update(session, to: next)
            for number in 6..<9 { sender.send([UInt8(number)], to: loopbackIPv4, port) }
            #expect(eventually { changed.values.accepted.datagrams == 9 })
            for number in 0..<5 { #expect(sockets[0].receive()?.payload == [UInt8(number)]) }
            for number in [0, 4, 8] { #expect(sockets[1].receive()?.payload == [UInt8(number)]) }
            // Without the bucket all three would have passed, and one was dropped before.
            #expect(eventually { dropped(changed, .rate) >= 2 })
        }
    }

    @Test func aTargetsLimitHoldsOnlyThatTarget() throws {
        let change: (inout SessionDefinition) -> Void = {
            // Five at once, and the next after a thousand seconds.
            $0.forward[0].limits = TrafficLimits(datagramsPerSecond: 1, burstMilliseconds: 5000)
        }
        try withRelay(2, change: change) { session, sockets, port in
            let sender = try TestSocket()
            for number in 0..<20 { sender.send([UInt8(number)], to: loopbackIPv4, port) }
            for number in 0..<20 { #expect(sockets[1].receive()?.payload == [UInt8(number)]) }
            for number in 0..<5 { #expect(sockets[0].receive()?.payload == [UInt8(number)]) }
            #expect(eventually { dropped(session, .rate) == 15 })
            #expect(session.values.accepted.datagrams == 20)
        }
    }

    @Test func aSessionsLimitsDropByReason() throws {
        let change: (inout SessionDefinition) -> Void = {
            $0.limits = TrafficLimits(datagramsPerSecond: 1, burstMilliseconds: 5000)
        }
        try withRelay(1, change: change) { session, sockets, port in
            let sender = try TestSocket()
            for number in 0..<20 { sender.send([UInt8(number)], to: loopbackIPv4, port) }
            for number in 0..<5 { #expect(sockets[0].receive()?.payload == [UInt8(number)]) }
            #expect(eventually { session.values.received.datagrams == 20 })
            #expect(session.values.accepted.datagrams == 5)
            #expect(session.values.dropped[Int(DropReason.rate.rawValue)] == 15)
            #expect(session.packets().last?.dropReason == .rate)
        }
    }

    /// Equal limits keep what is left of them; others, or none, hold from the next datagram on.
    @Test func aSessionsLimitsChangeInPlace() throws {
        let limits = TrafficLimits(datagramsPerSecond: 1, burstMilliseconds: 5000)
        let change: (inout SessionDefinition) -> Void = { $0.limits = limits }
        try withRelay(1, change: change) { session, sockets, port, engine in
            let sender = try TestSocket()
            /// Of ten datagrams, those that the limits let pass.
            func accepted() -> UInt64 {
                let before = session.values
                for number in 0..<10 { sender.send([UInt8(number)], to: loopbackIPv4, port) }
                #expect(
                    eventually {
                        session.values.received.datagrams == before.received.datagrams + 10
                    }
                )
                return session.values.accepted.datagrams - before.accepted.datagrams
            }
            // Five, and one for each second that has gone by.
            #expect((5..<8).contains(accepted()))
            var next = session.definition
            next.snapLength = 8
            var current = try engine.update(session, to: next)
            #expect(accepted() < 3)
            next.limits = nil
            current = try engine.update(current, to: next)
            #expect(accepted() == 10)
            next.limits = limits
            _ = try engine.update(current, to: next)
            #expect((5..<8).contains(accepted()))
            #expect(sockets[0].receive() != nil)
        }
    }

    @Test func postedDatagramsStopAtTheSessionsLimits() throws {
        try withEngine { engine in
            let receiver = try TestSocket()
            let sender = definition(.broadcast, role: .sender, port: receiver.port) {
                $0.address = loopbackIPv4
                $0.limits = TrafficLimits(datagramsPerSecond: 1, burstMilliseconds: 5000)
            }
            let session = try engine.run(sender)
            defer { engine.stop(session) }
            let datagrams = (0..<20).map { [UInt8($0)] }
            let outcome = try #require(engine.sendAndWait(datagrams, from: session))
            #expect(outcome.sent.count == 5)
            #expect(outcome.failure?.code == .rateLimited)
            #expect(session.values.sent.datagrams == 5)
            #expect(engine.sendAndWait([[1]], from: session)?.failure?.code == .rateLimited)
        }
    }

    @Test func whatChaosHoldsArrivesLateAndIsCounted() throws {
        let change: (inout SessionDefinition) -> Void = {
            var chaos = Chaos()
            chaos.delayMilliseconds = 50
            chaos.duplicatePercent = 100
            chaos.seed = 1
            $0.forward[0].chaos = chaos
        }
        try withRelay(2, change: change) { session, sockets, port in
            let sender = try TestSocket()
            let began = HostNetwork.monotonicNanoseconds()
            for number in 0..<3 { sender.send([UInt8(number)], to: loopbackIPv4, port) }
            for number in 0..<3 { #expect(sockets[1].receive()?.payload == [UInt8(number)]) }
            #expect(sockets[0].receive()?.payload == [0])
            #expect(HostNetwork.monotonicNanoseconds() - began >= 50_000_000)
            for number in [0, 1, 1, 2, 2] {
                #expect(sockets[0].receive()?.payload == [UInt8(number)])
            }
            #expect(eventually { session.activity.targetValues()[0].held == 0 })
            #expect(session.activity.targetValues()[0].forwarded.datagrams == 6)
            #expect(session.values.forwarded.datagrams == 9)
        }
    }

    @Test func lossByChaosIsCounted() throws {
        let change: (inout SessionDefinition) -> Void = {
            $0.forward[0].chaos = Chaos()
            $0.forward[0].chaos?.lossPercent = 100
        }
        try withRelay(2, change: change) { session, sockets, port in
            let sender = try TestSocket()
            for number in 0..<10 { sender.send([UInt8(number)], to: loopbackIPv4, port) }
            #expect(eventually { dropped(session, .chaosLoss) == 10 })
            #expect(session.activity.targetValues()[1].forwarded.datagrams == 10)
        }
    }

    @Test(arguments: [Coalescing.microseconds(5000), .microseconds(1), .adaptive])
    func whatIsCoalescedArrivesInOrder(_ coalescing: Coalescing) throws {
        let change: (inout SessionDefinition) -> Void = { $0.coalescing = coalescing }
        try withRelay(1, change: change) { session, sockets, port, engine in
            let sender = try TestSocket()
            for number in 0..<1000 {
                sender.send([UInt8(number % 256)], to: loopbackIPv4, port)
                if number % 100 == 99 {
                    for number in (number - 99)...number {
                        #expect(sockets[0].receive()?.payload == [UInt8(number % 256)])
                    }
                }
            }
            var next = session.definition
            next.coalescing = .microseconds(0)
            _ = try engine.update(session, to: next)
            sender.send([7], to: loopbackIPv4, port)
            #expect(sockets[0].receive()?.payload == [7])
        }
    }

    @Test func whatIsHeldLeavesWhenItsTargetChanges() throws {
        let change: (inout SessionDefinition) -> Void = {
            $0.forward[0].chaos = Chaos()
            $0.forward[0].chaos?.delayMilliseconds = 60_000
        }
        try withRelay(1, change: change) { session, sockets, port, engine in
            let sender = try TestSocket()
            for number in 0..<200 { sender.send([UInt8(number)], to: loopbackIPv4, port) }
            #expect(eventually { session.activity.targetValues()[0].held == 200 })
            var next = session.definition
            next.forward[0].chaos = nil
            _ = try engine.update(session, to: next)
            for number in 0..<200 { #expect(sockets[0].receive()?.payload == [UInt8(number)]) }
            let values = session.activity.targetValues()[0]
            #expect(values.held == 0 && values.forwarded.datagrams == 200)
        }
    }

    @Test func aTargetSessionThatOnlyReceivesFails() throws {
        let change: (inout SessionDefinition) -> Void = {
            $0.forward = [ForwardTarget(.session(named("deaf")))]
        }
        try withRelay(1, change: change) {
            session,
            _,
            port,
            engine in
            let deaf = definition(.multicastReceiver, group: anyGroup(), port: try freePort()) {
                $0.name = named("deaf")
            }
            let target = try engine.run(deaf)
            defer { engine.stop(target) }
            let sender = try TestSocket()
            sender.send([1], to: loopbackIPv4, port)
            #expect(eventually { session.activity.targetValues()[0].failed == 1 })
        }
    }

    /// What a limit refused was not relayed, so its repetition by another source is no loop.
    @Test func whatALimitRefusedIsNotRememberedAsRelayed() throws {
        let change: (inout SessionDefinition) -> Void = {
            $0.limits = TrafficLimits(datagramsPerSecond: 1, burstMilliseconds: 1000)
            $0.loopGuardMilliseconds = 60_000
        }
        try withRelay(1, change: change) { session, sockets, port in
            let (first, second) = (try TestSocket(), try TestSocket())
            first.send([1], to: loopbackIPv4, port)
            first.send([2], to: loopbackIPv4, port)
            #expect(eventually { session.values.dropped[Int(DropReason.rate.rawValue)] == 1 })
            #expect(sockets[0].receive()?.payload == [1])
            #expect(
                eventually {
                    second.send([2], to: loopbackIPv4, port)
                    return sockets[0].receive(withinMilliseconds: 100)?.payload == [2]
                }
            )
            #expect(session.values.dropped[Int(DropReason.loop.rawValue)] == 0)
        }
    }
}
