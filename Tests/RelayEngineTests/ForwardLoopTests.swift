import RelayModel
import Testing

@testable import RelayEngine

@Suite struct ForwardLoopTests {
    private func loops(_ session: RelaySession) -> UInt64 {
        session.values.dropped[Int(DropReason.loop.rawValue)]
    }

    /// Both relay to each other, as two daemons would, by unicast: what comes back is not told from
    /// what is merely equal, until it seems to circle.
    @Test func twoEnginesFacingEachOtherEndTheCircle() throws {
        try withEngine { first in
            try withEngine { second in
                let ports = [try freePort(), try freePort()]
                let sessions = try zip([first, second], [0, 1]).map { engine, index in
                    try engine.run(
                        definition(.broadcast, role: .receiver, port: ports[index]) {
                            $0.accept = [.unicast]
                            $0.forward = [unicast(ports[1 - index])]
                        }
                    )
                }
                defer {
                    first.stop(sessions[0])
                    second.stop(sessions[1])
                }
                let sender = try TestSocket()
                sender.send([1, 2, 3], to: loopbackIPv4, ports[0])
                #expect(eventually { loops(sessions[0]) == 1 || loops(sessions[1]) == 1 })
                // So many at once, and what the time allowed for since.
                let accepted = sessions.map { $0.values.accepted.datagrams }
                #expect(accepted.allSatisfy { $0 < 5 * UInt64(CopyListener.circlingMax) })
                // The way is open for others.
                sender.send([4], to: loopbackIPv4, ports[0])
                #expect(eventually { sessions[0].values.accepted.datagrams > accepted[0] })
            }
        }
    }

    @Test func whatThisDaemonRelayedIsNotRelayedAgain() throws {
        try withEngine { engine in
            let ports = [try freePort(), try freePort()]
            let sessions = try [0, 1].map { index in
                try engine.run(
                    definition(.broadcast, role: .receiver, port: ports[index]) {
                        $0.name = named("session-\(index)")
                        $0.accept = [.unicast]
                        $0.forward = [unicast(ports[1 - index])]
                        $0.loopGuardMilliseconds = 0
                    }
                )
            }
            defer { sessions.forEach(engine.stop) }
            let sender = try TestSocket()
            sender.send([1], to: loopbackIPv4, ports[0])
            #expect(eventually { loops(sessions[1]) == 1 })
            #expect(sessions[0].values.received.datagrams == 1)
            #expect(sessions[1].packets().last?.dropReason == .loop)
        }
    }

    @Test func aSessionDoesNotSendBackToItsGroup() throws {
        try withEngine { engine in
            let group = anyGroup()
            let receiver = definition(.multicastReceiver, group: group, port: try freePort()) {
                var endpoint = ForwardEndpoint(group, port: $0.port)
                endpoint.interface = .name("lo")
                $0.forward = [ForwardTarget(.endpoint(endpoint))]
            }
            let error = #expect(throws: SessionError.self) { try engine.run(receiver) }
            #expect(error?.code == .forwardLoop)
            #expect(error?.violations.first?.index == 0)
        }
    }

    @Test func aBroadcastIsNotSentBackWhereItCameFrom() throws {
        try withEngine { engine in
            let receiver = definition(.broadcast, role: .receiver, port: try freePort()) {
                $0.accept = [.broadcast]
                var endpoint = ForwardEndpoint(loopbackBroadcast, port: $0.port)
                endpoint.interface = .name("lo")
                $0.forward = [ForwardTarget(.endpoint(endpoint))]
            }
            let session = try engine.run(receiver)
            defer { engine.stop(session) }
            let sender = try TestSocket()
            sender.allowBroadcast()
            sender.send([1], to: loopbackBroadcast, receiver.port)
            let reason = Int(TargetDropReason.loop.rawValue)
            #expect(eventually { session.activity.targetValues()[0].dropped[reason] == 1 })
            #expect(session.values.accepted.datagrams == 1)
            #expect(session.values.forwarded.datagrams == 0)
        }
    }
}
