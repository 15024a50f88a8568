import RelayModel
import Testing

@testable import RelayEngine

/// Sides that are relayed to each other on the loopback interface: groups with a listener each.
@Suite struct CircleTests {
    private let port: UInt16
    private let groups = [anyGroup(), anyGroup(), anyGroup()]

    init() throws { port = try freePort() }

    /// How a side is sent to.
    enum Way: CaseIterable {
        case target, targetWithPort, sender, peer
    }

    /// `count` sides; what is heard on one is sent to all others.
    private func withSides(
        _ count: Int,
        _ way: Way,
        loopGuardMilliseconds: Int = 1000,
        _ body: (RelayEngine, [RelaySession]) throws -> Void
    ) throws {
        try withEngine { engine in
            var sessions: [RelaySession] = []
            defer { sessions.forEach(engine.stop) }
            for side in 0..<count where way == .sender || way == .peer {
                let kind: SessionKind = way == .sender ? .multicastSender : .multicastPeer
                let senderPort = port
                sessions.append(
                    try engine.run(
                        definition(kind, group: groups[side], port: senderPort) {
                            $0.name = named("side-\(side)")
                        }
                    )
                )
            }
            for side in 0..<count {
                let targets = try (0..<count).filter { $0 != side }.map {
                    try target($0, way)
                }
                sessions.append(
                    try engine.run(
                        definition(.multicastReceiver, group: groups[side], port: port) {
                            $0.name = named("relay-\(side)")
                            $0.forward = targets
                            $0.loopGuardMilliseconds = loopGuardMilliseconds
                        }
                    )
                )
            }
            try body(engine, sessions)
        }
    }

    private func target(_ side: Int, _ way: Way) throws -> ForwardTarget {
        if way == .sender || way == .peer { return ForwardTarget(.session(named("side-\(side)"))) }
        var endpoint = ForwardEndpoint(groups[side], port: port)
        endpoint.interface = .name("lo")
        if way == .targetWithPort { endpoint.localPort = port }
        return ForwardTarget(.endpoint(endpoint))
    }

    private func relays(_ sessions: [RelaySession]) -> [RelaySession] {
        sessions.filter { $0.definition.name.description.hasPrefix("relay") }
    }

    private func settled(_ sessions: [RelaySession], heard: UInt64) -> Bool {
        eventually { relays(sessions).allSatisfy { $0.values.received.datagrams >= heard } }
    }

    @Test(arguments: Way.allCases, [2, 3])
    func aDatagramIsOnEverySideOnce(way: Way, count: Int) throws {
        for milliseconds in [1000, 60_000] {
            try withSides(count, way, loopGuardMilliseconds: milliseconds) { _, sessions in
                let host = try TestSocket()
                for number in 1...20 as ClosedRange<UInt8> {
                    host.send([number], to: groups[0], port)
                }
                #expect(settled(sessions, heard: 20))
                let relays = relays(sessions)
                #expect(
                    eventually { relays[0].values.forwarded.datagrams == 20 * UInt64(count - 1) }
                )
                for relay in relays.dropFirst() {
                    #expect(
                        eventually { relay.values.dropped[Int(DropReason.loop.rawValue)] == 20 }
                    )
                    #expect(relay.values.forwarded.datagrams == 0)
                    #expect(relay.values.circling == 0)
                }
            }
        }
    }

    @Test(arguments: Way.allCases)
    func aBurstIsOnEverySideOnce(way: Way) throws {
        try withSides(3, way) { _, sessions in
            let host = try TestSocket()
            let relays = relays(sessions)
            for number in 0..<600 {
                host.send(Array("\(number)".utf8), to: groups[0], port)
                if number % 100 == 99 {
                    let count = UInt64(number + 1)
                    #expect(
                        eventually(withinSeconds: 5) {
                            relays.allSatisfy { $0.values.received.datagrams >= count }
                        }
                    )
                }
            }
            #expect(relays.map(\.values.forwarded.datagrams) == [1200, 0, 0])
            #expect(relays.map(\.values.received.datagrams) == [600, 600, 600])
        }
    }

    /// As the samples of both ends are equal, all of them have one.
    @Test(arguments: Way.allCases)
    func manyThatDifferInTheMiddleAreOnEverySideOnce(way: Way) throws {
        try withSides(2, way) { _, sessions in
            let host = try TestSocket()
            let relays = relays(sessions)
            for number in 1...200 as ClosedRange<UInt8> {
                var payload = [UInt8](repeating: 0, count: 300)
                payload[150] = number
                host.send(payload, to: groups[0], port)
                if number % 50 != 0 { continue }
                let isThere = eventually(withinSeconds: 5) {
                    relays.allSatisfy { $0.values.received.datagrams >= UInt64(number) }
                }
                #expect(isThere)
            }
            #expect(relays[1].values.dropped[Int(DropReason.loop.rawValue)] == 200)
            #expect(relays.map(\.values.forwarded.datagrams) == [200, 0])
            #expect(relays.allSatisfy { $0.values.circling == 0 })
        }
    }

    @Test(arguments: [Way.sender, .peer], [2, 3])
    func aPostedDatagramIsOnEverySideOnce(way: Way, count: Int) throws {
        try withSides(count, way) { engine, sessions in
            let posted = (1...20).map { [UInt8($0)] }
            #expect(engine.sendAndWait(posted, from: sessions[0])?.sent.count == 20)
            #expect(settled(sessions, heard: 20))
            let relays = relays(sessions)
            #expect(eventually { relays[0].values.forwarded.datagrams == 20 * UInt64(count - 1) })
            #expect(relays.dropFirst().allSatisfy { $0.values.forwarded.datagrams == 0 })
            // Equal ones as well, as often as they are posted.
            let equal = Array(repeating: [7, 7, 7] as [UInt8], count: 10)
            #expect(engine.sendAndWait(equal, from: sessions[0])?.sent.count == 10)
            #expect(eventually { relays[0].values.forwarded.datagrams == 30 * UInt64(count - 1) })
        }
    }

    @Test func whatIsMerelyEqualPasses() throws {
        try withSides(2, .target) { _, sessions in
            let relay = relays(sessions)[0]
            let hosts = try (0..<10).map { _ in try TestSocket() }
            for host in hosts { host.send([1, 2, 3], to: groups[0], port) }
            for _ in 0..<200 { hosts[0].send([1, 2, 3], to: groups[0], port) }
            #expect(eventually { relay.values.forwarded.datagrams == 210 })
            #expect(relay.values.dropped.allSatisfy { $0 == 0 })
        }
    }

    /// The first three are equal to copies that were sent to their side.
    @Test func eachCopyThatWasSentExcusesOneDrop() throws {
        try withSides(2, .target) { _, sessions in
            let relays = relays(sessions)
            let (near, far) = (try TestSocket(), try TestSocket())
            for _ in 0..<3 { near.send([9], to: groups[0], port) }
            #expect(eventually { relays[0].values.forwarded.datagrams == 3 })
            for _ in 0..<8 { far.send([9], to: groups[1], port) }
            #expect(eventually { relays[1].values.forwarded.datagrams == 5 })
            // The three copies as this host hears them, and one for each.
            #expect(relays[1].values.dropped[Int(DropReason.loop.rawValue)] == 6)
        }
    }

    @Test(arguments: [129, 1316, 9000, 65_507])
    func datagramsThatDifferInTheMiddleAreDifferent(length: Int) throws {
        try withSides(2, .target) { _, sessions in
            let relays = relays(sessions)
            let (near, far) = (try TestSocket(), try TestSocket())
            var payload = [UInt8](repeating: 0, count: length)
            near.send(payload, to: groups[0], port)
            #expect(eventually { relays[0].values.forwarded.datagrams == 1 })
            for number in 1...5 as ClosedRange<UInt8> {
                payload[64] = number
                far.send(payload, to: groups[1], port)
                #expect(eventually { relays[1].values.forwarded.datagrams == UInt64(number) })
            }
            #expect(relays[1].values.circling == 0)
        }
    }

    /// Two engines that relay both ways between the same groups.
    @Test func twoRelaysBetweenTheSameSidesEchoADatagramOnceAtMost() throws {
        try withSides(2, .target) { _, first in
            try withSides(2, .target) { _, second in
                let all = first + second
                let host = try TestSocket()
                for number in 1...100 as ClosedRange<UInt8> {
                    host.send([number], to: groups[0], port)
                }
                #expect(settled(all, heard: 100))
                var last: UInt64 = 0
                #expect(
                    eventually {
                        let sum = all.reduce(0) { $0 + $1.values.received.datagrams }
                        defer { last = sum }
                        return sum == last
                    }
                )
                let echoes =
                    first[1].values.forwarded.datagrams + second[1].values.forwarded.datagrams
                #expect(echoes <= 100)
            }
        }
    }
}
