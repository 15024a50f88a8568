import RelayModel
import Testing

@testable import RelayEngine

/// Changes in place at 10 000 datagrams a second: none is lost, none is counted twice.
@Suite(.serialized) struct UpdateUnderTrafficTests {
    /// As many as the largest ring holds, so that each is seen in it at the end.
    static let count = DefinitionLimits.recentPacketsMax

    /// A change of a definition by the number of the round.
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let apply: @Sendable (inout SessionDefinition, Int) -> Void

        init(_ name: String, _ apply: @escaping @Sendable (inout SessionDefinition, Int) -> Void) {
            testDescription = name
            self.apply = apply
        }
    }

    static let changes = [
        Change("allow") { $0.allow = [block("127.0.0.1/\(8 + $1 % 24)")] },
        Change("deny") { $0.deny = [block("10.0.0.\($1 % 250)/32")] },
        Change("accept") { $0.accept = $1 % 2 == 0 ? [.multicast] : [.multicast, .unicast] },
        Change("sources") { definition, round in
            let others = (0..<round % 9).map { IPAddress(ipv4: 0x7F00_0100 + UInt32($0)) }
            definition.sources = others + [loopbackIPv4]
        },
        Change("receiveBufferBytes") { $0.receiveBufferBytes = 8_000_000 + $1 % 2 * 388_608 },
        Change("snapLength") { $0.snapLength = [8, 65_535, 1000][$1 % 3] },
        Change("labels") { $0.labels = ["round": "\($1)"] },
    ]

    @Test(arguments: changes) func noDatagramIsLost(change: Change) throws {
        try withReceiver { engine, session, changes in
            var current = session
            while !changes.areOver {
                let round = changes.next()
                current = try engine.update(current) { change.apply(&$0, round) }
                awaitMore(current, changes)
            }
            expectAll(current)
        }
    }

    /// The ring shrinks and grows; every packet is seen by a reader or counted as missed.
    @Test func recentPacketsChangeAndNoDatagramIsLost() throws {
        try withReceiver { engine, session, changes in
            var (current, cursor, seen) = (session, UInt64(0), UInt64(0))
            while cursor < Self.count {
                if !changes.areOver {
                    let capacity = [4096, 0, 300, 1][changes.next() % 4]
                    current = try engine.update(current) { $0.recentPackets = capacity }
                    awaitMore(current, changes)
                } else {
                    #expect(eventually { current.values.received.datagrams == Self.count })
                }
                let page = current.activity.recentPackets.page(after: cursor, limit: 4096)
                for packet in page.items { #expect(number(packet.payload) == packet.sequence) }
                seen += UInt64(page.items.count) + page.missed
                cursor = page.next
            }
            #expect(seen == Self.count)
            expectAll(current, inRing: false)
        }
    }

    /// From any source to one and back, with a sender as fast as it can. The kernel stores the list
    /// and the mode one after the other, and drops what comes between: about one datagram in ten
    /// changes at 200 000 a second. Leaving and joining loses several each time.
    @Test func changesOfTheFilterModeLoseNextToNothing() throws {
        try withReceiver(sends: false) { engine, session, _ in
            let group = try #require(session.definition.group)
            let (socket, sent, isOver) = (try TestSocket(), Counter(), Counter())
            let sending = try WorkerThread(name: "sending") {
                while isOver.count == 0 {
                    if socket.send([1], to: group, session.definition.port) { sent.increment() }
                }
            }
            var (current, rounds) = (session, UInt64(0))
            while rounds < 100 {
                rounds += 1
                current = try engine.update(current) {
                    $0.sources = $0.sources.isEmpty ? [loopbackIPv4] : []
                }
                let goal = current.values.received.datagrams + 100
                #expect(eventually { current.values.received.datagrams >= goal })
            }
            isOver.increment()
            sending.join()
            #expect(
                eventually {
                    let values = current.values
                    let arrived = values.received.datagrams + (values.lostReceiveBufferFull ?? 0)
                    return arrived + rounds >= UInt64(sent.count)
                }
            )
            #expect(current.values.received.datagrams >= 100 * rounds)
        }
    }

    @Test func repliesChangeAndEveryDatagramIsAnswered() throws {
        let reply = Reply(.text("0"), perSecondMax: 1_000_000)
        let client = try TestSocket()
        try withReceiver(reply: reply, from: client, count: 2000) { engine, session, changes in
            var current = session
            while !changes.areOver {
                let round = changes.next()
                current = try engine.update(current) { $0.reply?.content = .text("\(round)") }
                awaitMore(current, changes)
            }
            #expect(eventually { current.values.replied.datagrams == 2000 })
            var last = 0
            for _ in 0..<2000 {
                let answer = try #require(client.receive())
                let round = try #require(Int(String(decoding: answer.payload, as: UTF8.self)))
                #expect(round >= last)
                last = round
            }
            #expect(current.values.accepted.datagrams == 2000)
            #expect(current.values.lostReceiveBufferFull == 0)
            let numbers = current.packets().filter { $0.direction == .received }
                .compactMap { number($0.payload) }
            #expect(numbers == Array(1...2000))
        }
    }

    /// What leaves has the TTL that is remembered of it.
    @Test func theTTLChangesBetweenTwoDatagrams() throws {
        try withReceiver(sends: false) { engine, receiver, _ in
            let group = try #require(receiver.definition.group)
            let sender = definition(
                .multicastSender,
                group: group,
                port: receiver.definition.port
            ) { $0.recentPackets = Self.count }
            var session = try engine.run(sender)
            defer { engine.stop(session) }
            let (first, changes) = (session, Changes())
            let posting = try WorkerThread(name: "posting") {
                pace(Self.count, with: changes) { numbers in
                    engine.send(SendRequest(numbers.map(payload)), from: first) { outcome in
                        if outcome.failure != nil { Issue.record("not sent") }
                    }
                }
            }
            while !changes.areOver {
                let round = changes.next()
                session = try engine.update(session) {
                    $0.ttl = UInt8(round % 255 + 1)
                    $0.loopback = true
                }
                awaitMore(receiver, changes)
            }
            posting.join()
            expectAll(receiver)
            #expect(session.values.sent.datagrams == Self.count)
            let (sent, received) = (session.packets(), receiver.packets())
            #expect(sent.map(\.payload) == received.map(\.payload))
            #expect(sent.map(\.ttl) == received.map(\.ttl))
            #expect(Set(received.map(\.ttl)).count > 10)
        }
    }

    // MARK: - Traffic

    private func withReceiver(
        reply: Reply? = nil,
        from client: TestSocket? = nil,
        count: Int = count,
        sends: Bool = true,
        _ body: (RelayEngine, RelaySession, Changes) throws -> Void
    ) throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let session = try engine.run(
                definition(.multicastReceiver, group: group, port: port) {
                    $0.receiveBufferBytes = 8_388_608
                    $0.recentPackets = Self.count
                    $0.reply = reply
                }
            )
            defer { engine.stop(session) }
            let (socket, changes) = (try client ?? TestSocket(), Changes())
            let sending = try WorkerThread(name: "sending") {
                if !sends { return }
                pace(count, with: changes) { numbers in
                    for number in numbers where !socket.send(payload(number), to: group, port) {
                        Issue.record("\(number) was not sent")
                    }
                }
            }
            defer { sending.join() }
            try body(engine, session, changes)
        }
    }

    /// Lets some more datagrams come before the next change, unless all were sent or it is awaited.
    private func awaitMore(_ session: RelaySession, _ changes: Changes) {
        let goal = session.values.received.datagrams + 20
        #expect(
            eventually {
                changes.areOver || changes.areAwaited || session.values.received.datagrams >= goal
            }
        )
    }

    private func expectAll(_ session: RelaySession, inRing: Bool = true) {
        #expect(eventually { session.values.received.datagrams >= Self.count })
        let values = session.values
        #expect(values.accepted.datagrams == Self.count && values.droppedTotal == 0)
        #expect(values.lostReceiveBufferFull == 0)
        guard inRing else { return }
        let packets = session.packets()
        #expect(packets.map(\.sequence) == Array(1...UInt64(Self.count)))
        #expect(packets.compactMap { number($0.payload) } == Array(1...UInt64(Self.count)))
    }
}
