import RelayModel
import Testing

@testable import RelayEngine

/// What this daemon answers is not new when it comes to a session that forwards.
@Suite struct AnswerCircleTests {
    private let port: UInt16
    private let groups = [anyGroup(), anyGroup()]

    init() throws { port = try freePort() }

    private func group(_ side: Int) -> ForwardTarget {
        var endpoint = ForwardEndpoint(groups[side], port: port)
        endpoint.interface = .name("lo")
        return ForwardTarget(.endpoint(endpoint))
    }

    private func receiver(
        of side: Int,
        _ change: (inout SessionDefinition) -> Void
    ) -> SessionDefinition {
        definition(.multicastReceiver, group: groups[side], port: port) {
            $0.name = named("receiver-\(side)")
            change(&$0)
        }
    }

    private func peer(_ change: (inout SessionDefinition) -> Void = { _ in }) -> SessionDefinition {
        definition(.multicastPeer, group: groups[0], port: port) {
            $0.name = named("peer")
            change(&$0)
        }
    }

    private func unicastReceiver(
        _ port: UInt16,
        _ change: (inout SessionDefinition) -> Void
    ) -> SessionDefinition {
        definition(.broadcast, role: .receiver, port: port) {
            $0.name = named("unicast-\(port)")
            $0.accept = [.unicast]
            change(&$0)
        }
    }

    /// Another daemon, which answers whatever comes to a port.
    private func withDevice(_ body: (RelaySession, UInt16) throws -> Void) throws {
        try withEngine { engine in
            let port = try freePort()
            let template = try ReplyTemplate("answer {sequence}")
            let device = try engine.run(
                unicastReceiver(port) {
                    $0.reply = Reply(.template(template), perSecondMax: 1_000_000)
                }
            )
            defer { engine.stop(device) }
            try body(device, port)
        }
    }

    private func droppedAsLoop(_ session: RelaySession) -> UInt64 {
        session.values.dropped[Int(DropReason.loop.rawValue)]
    }

    /// Two sides, and a session that answers to the group of the first: the relay itself, or another.
    @Test(arguments: [true, false])
    func anAnswerToTheGroupIsOnEverySideOnce(byRelay: Bool) throws {
        try withEngine { engine in
            var reply = Reply(.text("here"), perSecondMax: 1000)
            reply.to = .destination
            var sessions = [
                try engine.run(
                    receiver(of: 0) {
                        $0.forward = [group(1)]
                        if byRelay { $0.reply = reply }
                    }
                ),
                try engine.run(receiver(of: 1) { $0.forward = [group(0)] }),
            ]
            if !byRelay {
                sessions.append(
                    try engine.run(
                        receiver(of: 0) {
                            $0.name = named("responder")
                            $0.reply = reply
                        }
                    )
                )
            }
            defer { sessions.forEach(engine.stop) }
            let (there, back) = (sessions[0], sessions[1])
            let responder = sessions.last.flatMap { byRelay ? there : $0 } ?? there
            let host = try TestSocket()
            host.send([1], to: groups[0], port)
            #expect(eventually { there.values.forwarded.datagrams == 2 })
            #expect(eventually { back.values.received.datagrams == 2 })
            #expect(responder.values.replied.datagrams == 1)
            #expect(droppedAsLoop(there) == 0)
            // Another relay sends it back; whoever is no relay answers that host.
            host.send(Array("here".utf8), to: groups[0], port)
            let answers: UInt64 = byRelay ? 1 : 2
            #expect(eventually { responder.values.replied.datagrams == answers })
            #expect(eventually { droppedAsLoop(there) == 1 })
            #expect(eventually { there.values.forwarded.datagrams == 1 + answers })
            // Once for each copy.
            host.send(Array("here".utf8), to: groups[0], port)
            #expect(
                eventually {
                    droppedAsLoop(there) + there.values.forwarded.datagrams >= 3 + answers
                }
            )
            #expect(
                eventually { back.values.received.datagrams == there.values.forwarded.datagrams }
            )
            #expect(back.values.forwarded.datagrams == 0)
        }
    }

    /// A ring of sessions that relay to each other by unicast, from ports that may be shared.
    private func withRing(
        _ count: Int,
        _ body: ([RelaySession], _ ports: [UInt16]) throws -> Void
    ) throws {
        let ports = try (0..<2 * count).map { _ in try freePort() }
        try withEngine { engine in
            let sessions = try (0..<count).map { own in
                try engine.run(
                    unicastReceiver(ports[own]) {
                        let next = ports[(own + 1) % count]
                        $0.forward = [unicast(next) { $0.localPort = ports[count + own] }]
                    }
                )
            }
            defer { sessions.forEach(engine.stop) }
            try body(sessions, ports)
        }
    }

    /// Payloads that a sample of both ends tells apart, or not.
    @Test(arguments: [2, 3], [1, 300])
    func whatIsRelayedFromAChosenPortDoesNotCircle(count: Int, length: Int) throws {
        try withRing(count) { sessions, ports in
            let host = try TestSocket()
            for _ in 0..<2 {
                for number in 1...20 as ClosedRange<UInt8> {
                    var payload = [UInt8](repeating: 0, count: length)
                    payload[length / 2] = number
                    host.send(payload, to: loopbackIPv4, ports[0])
                }
            }
            #expect(eventually(withinSeconds: 5) { droppedAsLoop(sessions[0]) == 40 })
            for session in sessions { #expect(session.values.forwarded.datagrams == 40) }
            #expect(sessions.dropFirst().allSatisfy { droppedAsLoop($0) == 0 })
            // The same bytes of another host are new.
            try TestSocket().send([2], to: loopbackIPv4, ports[1])
            #expect(eventually(withinSeconds: 5) { sessions[1].values.forwarded.datagrams == 41 })
        }
    }

    @Test func sessionsInARowRelayAllFromAChosenPort() throws {
        let (next, chosen) = (try freePort(), try freePort())
        try withEngine { engine in
            let collector = try TestSocket()
            let sessions = [
                try engine.run(
                    receiver(of: 0) { $0.forward = [unicast(next) { $0.localPort = chosen }] }
                ),
                try engine.run(unicastReceiver(next) { $0.forward = [unicast(collector.port)] }),
            ]
            defer { sessions.forEach(engine.stop) }
            let hosts = [try TestSocket(), try TestSocket()]
            for number in 0..<20 as Range<UInt8> {
                for host in hosts { host.send([number / 2], to: groups[0], port) }
            }
            for _ in 0..<40 { #expect(collector.receive() != nil) }
            #expect(droppedAsLoop(sessions[1]) == 0)
        }
    }

    /// The receiver has the port that the asker asks from, and was opened last.
    @Test func aMappedAnswerIsNotNewToTheReceiverThatItComesTo() throws {
        try withDevice { device, devicePort in
            try withEngine { engine in
                let asking = try engine.run(peer())
                let relay = try engine.run(
                    receiver(of: 0) {
                        $0.accept = [.multicast, .unicast]
                        $0.forward = [mapped(devicePort, ReplyMapping())]
                    }
                )
                defer {
                    engine.stop(asking)
                    engine.stop(relay)
                }
                #expect(engine.sendAndWait([[1]], from: asking)?.sent.count == 1)
                #expect(eventually { droppedAsLoop(relay) == 1 })
                #expect(relay.values.forwarded.datagrams == 1)
                #expect(device.values.replied.datagrams == 1)
            }
        }
    }

    /// It asks by itself, so that the answer is for it; it goes on once, and has no answers itself.
    @Test func aMappedAnswerToAPeerGoesOnOnce() throws {
        try withDevice { device, devicePort in
            try withEngine { engine in
                let collector = try TestSocket()
                let relay = try engine.run(
                    receiver(of: 0) { $0.forward = [mapped(devicePort, ReplyMapping())] }
                )
                let asking = try engine.run(
                    peer {
                        $0.forward = [unicast(collector.port), mapped(devicePort, ReplyMapping())]
                    }
                )
                defer {
                    engine.stop(asking)
                    engine.stop(relay)
                }
                #expect(engine.sendAndWait([[1]], from: asking)?.sent.count == 1)
                #expect(collector.receive().map { $0.payload.starts(with: "answer ".utf8) } == true)
                #expect(eventually { device.values.replied.datagrams == 2 })
                #expect(collector.receive(withinMilliseconds: 200) == nil)
                #expect(device.values.replied.datagrams == 2)
                #expect(
                    asking.values.forwarded.datagrams == 2
                        && asking.activity.targetValues().allSatisfy {
                            $0.mappedReplies.datagrams == 0
                        }
                )
                #expect(droppedAsLoop(asking) == 0)
            }
        }
    }

    @Test func equalRepliesToAPeerAllGoOn() throws {
        try withEngine { engine in
            let collector = try TestSocket()
            let responder = try engine.run(
                receiver(of: 0) { $0.reply = Reply(.text("here"), perSecondMax: 1000) }
            )
            let asking = try engine.run(peer { $0.forward = [unicast(collector.port)] })
            defer {
                engine.stop(asking)
                engine.stop(responder)
            }
            let questions = Array(repeating: [1] as [UInt8], count: 20)
            #expect(engine.sendAndWait(questions, from: asking)?.sent.count == 20)
            for _ in questions { #expect(collector.receive()?.payload == Array("here".utf8)) }
            #expect(collector.receive(withinMilliseconds: 200) == nil)
        }
    }
}
