import RelayModel
import Testing

@testable import RelayEngine

/// Answers to relayed queries, through the engine: asker → relay → responder, and back.
@Suite struct ReplyMappingTests {
    @Test func answersGoBackToWhoHadAsked() throws {
        try withMappedRelay { session, responder, receiver in
            let askers = try (0..<3).map { _ in try TestSocket() }
            for (number, asker) in askers.enumerated() {
                asker.send([UInt8(number)], to: loopbackIPv4, receiver)
            }
            var ports: Set<UInt16> = []
            for _ in askers {
                let query = try #require(responder.receive())
                ports.insert(query.source.port)
                responder.send(query.payload + [100], to: loopbackIPv4, query.source.port)
                responder.send(query.payload + [101], to: loopbackIPv4, query.source.port)
            }
            #expect(ports.count == 3)
            for (number, asker) in askers.enumerated() {
                for suffix in [UInt8(100), 101] {
                    let answer = try #require(asker.receive())
                    #expect(answer.payload == [UInt8(number), suffix])
                    // From the port that was asked.
                    #expect(answer.source == Endpoint(loopbackIPv4, port: receiver))
                }
            }
            let expected = Traffic(datagrams: 6, bytes: 12)
            #expect(eventually { session.target.mappedReplies == expected })
            #expect(session.target.unmapped == 0 && session.target.failed == 0)
            #expect(session.values.replied == expected && session.values.sent == Traffic())
            #expect(session.values.forwarded == Traffic(datagrams: 3, bytes: 3))
            // They are among the packets, as the session's socket sent them.
            let sent = session.packets().filter { $0.direction == .sent }
            #expect(Set(sent.map(\.destination)) == Set(askers.map(\.endpoint)))
        }
    }

    @Test func answersOfAllSizesGoBackUntouchedAndInOrder() throws {
        try withMappedRelay { session, responder, receiver in
            let asker = try TestSocket()
            asker.send([1], to: loopbackIPv4, receiver)
            let port = try #require(responder.receive()).source.port
            for size in [0, 1, 1316, 65_507, 65_507, 0, 9000] {
                let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 3) }
                responder.send(payload, to: loopbackIPv4, port)
                #expect(asker.receive()?.payload == payload)
            }
        }
    }

    @Test func anAskerKeepsItsPort() throws {
        try withMappedRelay { session, responder, receiver in
            let asker = try TestSocket()
            var ports: Set<UInt16> = []
            for number in 0..<5 {
                asker.send([UInt8(number)], to: loopbackIPv4, receiver)
                ports.insert(try #require(responder.receive()).source.port)
            }
            #expect(ports.count == 1)
            #expect(eventually { session.mappings.count == 1 })
            let mapping = try #require(session.mappings.first)
            #expect(mapping.asker == asker.endpoint)
            #expect(mapping.localEndpoint == Endpoint(.unspecified(.ipv4), port: ports.first ?? 0))
            #expect(mapping.expiresAt.seconds(since: mapping.createdAt) >= 29)
            #expect(mapping.expiresAt.seconds(since: mapping.createdAt) < 90)
            responder.send([9, 9], to: loopbackIPv4, ports.first ?? 0)
            #expect(
                eventually { session.mappings.first?.replies == Traffic(datagrams: 1, bytes: 2) }
            )
        }
    }

    @Test func furtherAskersAreRelayedButGetNoAnswers() throws {
        try withMappedRelay(ReplyMapping(askersMax: 2)) { session, responder, receiver in
            let askers = try (0..<3).map { _ in try TestSocket() }
            var ports: [UInt16] = []
            for (number, asker) in askers.enumerated() {
                asker.send([UInt8(number)], to: loopbackIPv4, receiver)
                let query = try #require(responder.receive())
                #expect(query.payload == [UInt8(number)])
                ports.append(query.source.port)
                responder.send([7], to: loopbackIPv4, query.source.port)
            }
            #expect(askers[0].receive() != nil && askers[1].receive() != nil)
            let own = try #require(session.targets[0].egress).socket.localEndpoint.port
            #expect(ports[2] == own && !ports[..<2].contains(own))
            #expect(eventually { session.target.unmapped == 1 })
            #expect(eventually { session.target.mappedReplies.datagrams == 2 })
            #expect(askers[2].receive(withinMilliseconds: 0) == nil)
            #expect(eventually { session.mappings.count == 2 })
        }
    }

    @Test func aPortIsClosedWhenItsLifetimeIsOver() throws {
        try withMappedRelay(ReplyMapping(lifetimeSeconds: 1, askersMax: 1)) {
            session,
            responder,
            receiver in
            let askers = try (0..<2).map { _ in try TestSocket() }
            askers[0].send([1], to: loopbackIPv4, receiver)
            let port = try #require(responder.receive()).source.port
            #expect(eventually { session.mappings.count == 1 })
            #expect(eventually { session.mappings.isEmpty })
            #expect(isClosed(port))
            askers[1].send([2], to: loopbackIPv4, receiver)
            let query = try #require(responder.receive())
            responder.send([3], to: loopbackIPv4, query.source.port)
            #expect(askers[1].receive()?.payload == [3])
            #expect(session.target.unmapped == 0)
        }
    }

    @Test func portsAreClosedWithTheirSession() throws {
        var port: UInt16 = 0
        var activity: SessionActivity?
        try withMappedRelay { session, responder, receiver in
            try TestSocket().send([1], to: loopbackIPv4, receiver)
            port = try #require(responder.receive()).source.port
            #expect(eventually { session.mappings.count == 1 })
            activity = session.activity
        }
        #expect(isClosed(port))
        #expect(activity?.mappings() == [[]])
    }

    @Test func aChangeInPlaceKeepsThePortsOfTheSameDestination() throws {
        try withMappedRelay { session, responder, receiver, engine in
            let asker = try TestSocket()
            asker.send([1], to: loopbackIPv4, receiver)
            let port = try #require(responder.receive()).source.port
            var next = session.definition
            next.forward[0].limits = TrafficLimits(datagramsPerSecond: 1000)
            let changed = try engine.update(session, to: next)
            asker.send([2], to: loopbackIPv4, receiver)
            #expect(try #require(responder.receive()).source.port == port)
            responder.send([3], to: loopbackIPv4, port)
            #expect(asker.receive()?.payload == [3])
            // Another destination has ports of its own.
            next.forward = []
            let without = try engine.update(changed, to: next)
            #expect(isClosed(port))
            #expect(without.activity.mappings() == [])
        }
    }

    @Test func queriesThatChaosHoldsKeepTheirAskers() throws {
        var chaos = Chaos()
        chaos.delayMilliseconds = 20
        try withMappedRelay(chaos: chaos) { session, responder, receiver in
            let askers = try (0..<3).map { _ in try TestSocket() }
            // Each asks another address of this host.
            let asked = (1...3).map { Endpoint(IPAddress(ipv4: 0x7F00_0000 + $0), port: receiver) }
            for round in 0..<4 {
                for (number, asker) in askers.enumerated() {
                    asker.send(
                        [UInt8(number), UInt8(round)],
                        to: asked[number].address,
                        receiver
                    )
                }
            }
            var ports: Set<UInt16> = []
            for _ in 0..<12 {
                let query = try #require(responder.receive())
                ports.insert(query.source.port)
                responder.send(query.payload, to: loopbackIPv4, query.source.port)
            }
            #expect(ports.count == 3)
            for (number, asker) in askers.enumerated() {
                for round in 0..<4 {
                    let answer = try #require(asker.receive())
                    #expect(answer.payload == [UInt8(number), UInt8(round)])
                    #expect(answer.source == asked[number])
                }
            }
            #expect(session.target.unmapped == 0)
        }
    }

    @Test func answersCrossAddressFamilies() throws {
        let responder = try TestSocket()
        try withEngine { engine in
            let relay = definition(
                .multicastReceiver,
                group: anyGroup(.ipv6),
                port: try freePort(.ipv6)
            ) {
                $0.accept = [.unicast]
                $0.forward = [mapped(responder.port, ReplyMapping())]
            }
            let session = try engine.run(relay)
            defer { engine.stop(session) }
            let asker = try TestSocket(loopbackIPv6)
            asker.send([1], to: loopbackIPv6, relay.port)
            let query = try #require(responder.receive())
            responder.send([2], to: loopbackIPv4, query.source.port)
            let answer = try #require(asker.receive())
            #expect(answer.payload == [2])
            #expect(answer.source == Endpoint(loopbackIPv6, port: relay.port))
        }
    }

    /// More ports than are read in one turn, each with more than a batch.
    @Test func floodedPortsAreAllRead() throws {
        try withMappedRelay { session, responder, receiver, engine in
            let askers = try (0..<10).map { _ in try TestSocket() }
            var ports: [UInt16] = []
            for (number, asker) in askers.enumerated() {
                asker.send([UInt8(number)], to: loopbackIPv4, receiver)
                ports.append(try #require(responder.receive()).source.port)
            }
            let latch = Latch()
            let blocker = try engine.run(
                definition(.multicastSender, group: anyGroup(), port: try freePort()) {
                    $0.name = named("blocker")
                }
            )
            defer { engine.stop(blocker) }
            engine.block(with: blocker, until: latch)
            for answer in 0..<100 {
                for port in ports { responder.send([UInt8(answer)], to: loopbackIPv4, port) }
            }
            latch.set()
            for asker in askers {
                for answer in 0..<100 { #expect(asker.receive()?.payload == [UInt8(answer)]) }
            }
            #expect(eventually { session.target.mappedReplies.datagrams == 1000 })
        }
    }

    @Test func answersBeyondTheSessionsLimitsAreHeldBack() throws {
        let limits = TrafficLimits(datagramsPerSecond: 1, burstMilliseconds: 5000)
        try withMappedRelay(limits: limits) { session, responder, receiver in
            let asker = try TestSocket()
            asker.send([1], to: loopbackIPv4, receiver)
            let port = try #require(responder.receive()).source.port
            for answer in 0..<50 { responder.send([UInt8(answer)], to: loopbackIPv4, port) }
            #expect(
                eventually {
                    let held = session.values.repliesRateLimited
                    return held + session.target.mappedReplies.datagrams == 50
                }
            )
            #expect(session.target.mappedReplies.datagrams >= 5)
            #expect(session.values.repliesRateLimited > 0)
        }
    }

    @Test func aResponderThatIsGoneIsCounted() throws {
        let closed = try freePort()
        try withMappedRelay(port: closed) { session, _, receiver in
            let asker = try TestSocket()
            asker.send([1], to: loopbackIPv4, receiver)
            #expect(eventually { session.target.unreachable == 1 })
            #expect(session.target.failed == 0 && session.target.forwarded.datagrams == 1)
            #expect(session.activity.targetErrors()[0]?.errno == "ECONNREFUSED")
        }
    }
}

func mapped(_ port: UInt16, _ mapping: ReplyMapping) -> ForwardTarget {
    unicast(port) { $0.mapReplies = mapping }
}

/// Whether a port can be bound; a test that runs beside may have been given it for a while.
private func isClosed(_ port: UInt16) -> Bool {
    eventually { (try? TestSocket(port: port)) != nil }
}

extension RelaySession {
    fileprivate var target: TargetValues { activity.targetValues()[0] }
    fileprivate var mappings: [MappingValues] { activity.mappings()[0] }
}
