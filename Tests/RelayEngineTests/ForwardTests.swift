import RelayModel
import Testing

@testable import RelayEngine

@Suite struct ForwardTests {
    @Test func everyPayloadGoesOnUntouchedAndInOrder() throws {
        let sizes = [1316, 1316, 188, 0, 65_507, 1, 1316, 0, 64, 64, 64, 65_507, 2]
        let payloads = sizes.enumerated().map { index, size in
            (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ index) }
        }
        try withRelay(1) { session, sockets, receiver in
            let sender = try TestSocket()
            for payload in payloads { sender.send(payload, to: loopbackIPv4, receiver) }
            for payload in payloads { #expect(sockets[0].receive()?.payload == payload) }
            let total = Traffic(
                datagrams: UInt64(payloads.count),
                bytes: UInt64(sizes.reduce(0, +))
            )
            #expect(eventually { session.values.forwarded == total })
            #expect(session.activity.targetValues().first?.forwarded == total)
            #expect(session.values.accepted == total && session.values.sent == Traffic())
        }
    }

    /// More datagrams than a batch wait while the relay thread is busy, so that runs are merged.
    @Test func aBacklogIsForwardedWhole() throws {
        try withRelay(3) { session, sockets, receiver in
            let (sender, latch) = (try TestSocket(), Latch())
            let count = 150
            try blocking(until: latch) {
                for number in 0..<count {
                    // Runs of several lengths, each with a shorter end.
                    let length = number % 10 == 9 ? 50 : 100 + number / 50
                    let payload = [UInt8(number)] + [UInt8](repeating: 1, count: length)
                    sender.send(payload, to: loopbackIPv4, receiver)
                }
            }
            for socket in sockets {
                for number in 0..<count {
                    let payload = try #require(socket.receive()).payload
                    #expect(payload.first == UInt8(number))
                    #expect(payload.count == 1 + (number % 10 == 9 ? 50 : 100 + number / 50))
                }
            }
            #expect(eventually { session.values.forwarded.datagrams == UInt64(3 * count) })
        }
    }

    private func blocking(until latch: Latch, _ body: () throws -> Void) throws {
        defer { latch.set() }
        try body()
    }

    @Test func aTargetThatFailsDoesNotDisturbTheOthers() throws {
        let closedPort = try freePort()
        let change: (inout SessionDefinition) -> Void = {
            $0.forward.insert(unicast(closedPort), at: 1)
        }
        try withRelay(2, change: change) {
            session,
            sockets,
            receiver in
            let sender = try TestSocket()
            for number in 0..<50 {
                sender.send([UInt8(number)], to: loopbackIPv4, receiver)
                for socket in sockets {
                    #expect(socket.receive()?.payload == [UInt8(number)])
                }
            }
            #expect(
                eventually {
                    let forwarded = session.activity.targetValues().map(\.forwarded.datagrams)
                    return forwarded[0] == 50 && forwarded[2] == 50
                }
            )
            // Each datagram is counted once, whatever the network reports of it.
            let values = session.activity.targetValues()
            #expect(values.map(\.forwarded.datagrams) == [50, 50, 50])
            #expect(values.map(\.failed) == [0, 0, 0])
            #expect(values[0].unreachable == 0 && values[2].unreachable == 0)
            #expect(values[1].unreachable > 0 && values[1].unreachable <= 50)
            #expect(session.activity.targetErrors()[1]?.errno == "ECONNREFUSED")
            #expect(session.values.lostSendFailed == 0 && session.values.unreachable == 0)
        }
    }

    @Test func aSessionSendsForAnotherOne() throws {
        try withEngine { engine in
            let group = anyGroup()
            let port = try freePort()
            let member = definition(.multicastReceiver, group: group, port: port) {
                $0.name = named("member")
            }
            let member1 = try engine.run(member)
            defer { engine.stop(member1) }
            let listening = definition(.multicastReceiver, group: anyGroup(), port: try freePort())
            {
                $0.forward = [ForwardTarget(.session(named("out")))]
            }
            let relay = try engine.run(listening)
            defer { engine.stop(relay) }
            let sender = try TestSocket()
            let source = try #require(listening.group)
            // Nobody of that name runs yet.
            sender.send([1], to: source, listening.port)
            #expect(eventually { relay.activity.targetValues()[0].failed == 1 })
            let out = definition(.multicastSender, group: group, port: port) {
                $0.name = named("out")
            }
            let outgoing = try engine.run(out)
            sender.send([2, 2], to: source, listening.port)
            #expect(eventually { member1.values.accepted == Traffic(datagrams: 1, bytes: 2) })
            #expect(outgoing.values.sent == Traffic(datagrams: 1, bytes: 2))
            #expect(outgoing.packets().map(\.payload) == [[2, 2]])
            #expect(relay.values.forwarded == Traffic(datagrams: 1, bytes: 2))
            engine.stop(outgoing)
            sender.send([3], to: source, listening.port)
            #expect(eventually { relay.activity.targetValues()[0].failed == 2 })
            #expect(relay.targetStatuses == [nil])
        }
    }

    @Test func targetsChangeInPlaceAndThoseThatStayKeepCounting() throws {
        try withRelay(2) { session, sockets, receiver, engine in
            let sender = try TestSocket()
            sender.send([1], to: loopbackIPv4, receiver)
            for socket in sockets { #expect(socket.receive()?.payload == [1]) }
            var next = session.definition
            let third = try TestSocket()
            next.forward = [unicast(third.port), next.forward[1]]
            let changed = try engine.update(session, to: next)
            sender.send([2], to: loopbackIPv4, receiver)
            #expect(sockets[1].receive()?.payload == [2])
            #expect(third.receive()?.payload == [2])
            #expect(sockets[0].receive(withinMilliseconds: 0) == nil)
            #expect(
                eventually {
                    changed.activity.targetValues().map(\.forwarded.datagrams) == [1, 2]
                }
            )
            #expect(changed.values.forwarded.datagrams == 4)
        }
    }
}

func named(_ text: String) -> SessionName {
    guard let name = SessionName(text) else { preconditionFailure("not a name: \(text)") }
    return name
}

func unicast(_ port: UInt16, _ change: (inout ForwardEndpoint) -> Void = { _ in }) -> ForwardTarget
{
    var endpoint = ForwardEndpoint(loopbackIPv4, port: port)
    change(&endpoint)
    return ForwardTarget(.endpoint(endpoint))
}

/// A receiver on 127.0.0.1 that forwards unicast to some sockets; the body gets its port.
func withRelay(
    _ count: Int,
    change: (inout SessionDefinition) -> Void = { _ in },
    _ body: (RelaySession, [TestSocket], UInt16, RelayEngine) throws -> Void
) throws {
    try withEngine { engine in
        let sockets = try (0..<count).map { _ in try TestSocket() }
        let relay = definition(.broadcast, role: .receiver, port: try freePort()) {
            $0.accept = [.unicast]
            $0.receiveBufferBytes = 4 * 1_048_576
            $0.forward = sockets.map { unicast($0.port) }
            change(&$0)
        }
        let session = try engine.run(relay)
        defer { engine.stop(session) }
        try body(session, sockets, relay.port, engine)
    }
}

func withRelay(
    _ count: Int,
    change: (inout SessionDefinition) -> Void = { _ in },
    _ body: (RelaySession, [TestSocket], UInt16) throws -> Void
) throws {
    try withRelay(count, change: change) { session, sockets, port, _ in
        try body(session, sockets, port)
    }
}
