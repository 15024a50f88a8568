import RelayModel
import Testing

@testable import RelayEngine

/// Engines that each relay one way between two groups, so that each hears what others have sent.
@Suite struct CircleBoundTests {
    private let port: UInt16
    private let groups = [anyGroup(), anyGroup()]

    init() throws { port = try freePort() }

    @Test func whatCirclesThroughAnotherRelayEnds() throws {
        try withRelays(back: 1) { there in
            let host = try TestSocket()
            host.send([1], to: groups[0], port)
            #expect(eventually { there.values.circling >= 1 })
            #expect(there.values.forwarded.datagrams < 5 * UInt64(CopyListener.circlingMax))
            // Others pass all the while.
            host.send([2], to: groups[0], port)
            #expect(eventually { there.values.circling >= 2 })
        }
    }

    /// The same for several at once that differ in the middle only, where a sample does not look;
    /// however short a time copies are expected.
    @Test(arguments: [1, 1000]) func whatCirclesTogetherEnds(guardMilliseconds: Int) throws {
        try withRelays(back: 1, guardMilliseconds: guardMilliseconds) { there in
            let host = try TestSocket()
            for number in 1...5 as ClosedRange<UInt8> {
                var payload = [UInt8](repeating: 0, count: 300)
                payload[150] = number
                host.send(payload, to: groups[0], port)
            }
            expectBound(there)
        }
    }

    /// What circles comes from two sources.
    @Test func whatCirclesByTwoWaysEnds() throws {
        try withRelays(back: 2) { there in
            let host = try TestSocket()
            for number in 1...3 as ClosedRange<UInt8> { host.send([number], to: groups[0], port) }
            expectBound(there)
        }
    }

    private func expectBound(_ there: RelaySession) {
        #expect(eventually { there.values.dropped[Int(DropReason.loop.rawValue)] >= 1 })
        #expect(there.values.forwarded.datagrams < 5 * UInt64(CopyListener.circlingMax))
    }

    /// One engine relays from the first group to the second, and so many others back.
    private func withRelays(
        back count: Int,
        guardMilliseconds: Int = 1000,
        _ body: (_ there: RelaySession) throws -> Void
    ) throws {
        try withRelay(from: 0, to: 1, guardMilliseconds) { there in
            try withRelay(from: 1, to: 0, guardMilliseconds) { _ in
                if count == 1 { return try body(there) }
                try withRelay(from: 1, to: 0, guardMilliseconds) { _ in try body(there) }
            }
        }
    }

    private func withRelay(
        from source: Int,
        to destination: Int,
        _ guardMilliseconds: Int,
        _ body: (RelaySession) throws -> Void
    ) throws {
        try withEngine { engine in
            var endpoint = ForwardEndpoint(groups[destination], port: port)
            endpoint.interface = .name("lo")
            let session = try engine.run(
                definition(.multicastReceiver, group: groups[source], port: port) {
                    $0.forward = [ForwardTarget(.endpoint(endpoint))]
                    $0.loopGuardMilliseconds = guardMilliseconds
                }
            )
            defer { engine.stop(session) }
            try body(session)
        }
    }
}
