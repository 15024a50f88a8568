import RelayModel
import Testing

@testable import RelayEngine

/// The ports of one target by themselves, with a clock that the test sets.
@Suite struct ReplyMappingsTests {
    @Test func readersSeeChangesAFewTimesASecond() throws {
        try withMappings { mappings, activity, _ in
            #expect(mappings.nextDue == nil)
            #expect(mappings.socketNumber(for: asker(0), localAddress: nil, at: 0) != nil)
            #expect(mappings.nextDue.map { $0 <= 0 } == true)
            mappings.tick(at: 0)
            #expect(activity.mappings().map(\.asker) == [asker(0)])
            _ = mappings.socketNumber(for: asker(1), localAddress: nil, at: 1)
            let due = ReplyMappings.publishNanoseconds
            #expect(mappings.nextDue == due)
            mappings.tick(at: due - 1)
            #expect(activity.mappings().count == 1)
            mappings.tick(at: due)
            #expect(activity.mappings().map(\.asker) == [asker(0), asker(1)])
            // Nothing is due before the first expires.
            #expect(mappings.nextDue == 30_000_000_000)
        }
    }

    @Test func portsAreOwnSourcesWhileTheyAreOpen() throws {
        try withMappings { mappings, activity, sources in
            sources.setAddresses([loopbackIPv4])
            _ = mappings.socketNumber(for: asker(0), localAddress: nil, at: 0)
            mappings.tick(at: 0)
            let port = try #require(activity.mappings().first).localEndpoint.port
            #expect(sources.hasRelayed(from: Endpoint(loopbackIPv4, port: port)))
            mappings.tick(at: 30_000_000_000 - 1)
            #expect(sources.hasRelayed(from: Endpoint(loopbackIPv4, port: port)))
            mappings.tick(at: 30_000_000_000)
            #expect(!sources.hasRelayed(from: Endpoint(loopbackIPv4, port: port)))
            #expect(activity.mappings().isEmpty && mappings.nextDue == nil)
        }
    }

    @Test func aFullTableHasRoomAgainAsSoonAsOneExpires() throws {
        let mapping = ReplyMapping(lifetimeSeconds: 1, askersMax: 1)
        try withMappings(mapping) { mappings, activity, _ in
            #expect(mappings.socketNumber(for: asker(0), localAddress: nil, at: 0) != nil)
            let end: Int64 = 1_000_000_000
            #expect(mappings.socketNumber(for: asker(1), localAddress: nil, at: end - 1) == nil)
            #expect(mappings.socketNumber(for: asker(1), localAddress: nil, at: end) != nil)
            mappings.tick(at: end)
            #expect(activity.mappings().map(\.asker) == [asker(1)])
        }
    }

    @Test func whoWantsNoAnswerGetsNoPort() throws {
        try withMappings { mappings, activity, _ in
            let asker = Endpoint(loopbackIPv4, port: 0)
            #expect(mappings.socketNumber(for: asker, localAddress: nil, at: 0) == nil)
            #expect(mappings.nextDue == nil)
        }
    }

    @Test func withoutDescriptorsNobodyGetsAPort() throws {
        try withMappings(descriptorCeiling: 0) { mappings, activity, _ in
            #expect(mappings.socketNumber(for: asker(0), localAddress: nil, at: 0) == nil)
            let error = try #require(activity.lastError)
            #expect(error.errno == "EMFILE")
            // It is not tried again for a while, whoever asks.
            let pause = ReplyMappings.pauseNanoseconds
            #expect(mappings.socketNumber(for: asker(1), localAddress: nil, at: pause - 1) == nil)
            #expect(activity.lastError == error)
            #expect(mappings.socketNumber(for: asker(1), localAddress: nil, at: pause) == nil)
            #expect(activity.lastError != error)
        }
    }

    private func asker(_ number: Int) -> Endpoint {
        Endpoint(loopbackIPv4, port: UInt16(20_000 + number))
    }

    private func withMappings(
        _ mapping: ReplyMapping = ReplyMapping(),
        descriptorCeiling: Int32 = .max,
        _ body: (ReplyMappings, TargetActivity, OwnSockets) throws -> Void
    ) throws {
        var endpoint = ForwardEndpoint(loopbackIPv4, port: 9)
        endpoint.mapReplies = mapping
        let path = try EgressPath.resolve(endpoint, interfaces: HostNetwork.interfaces())
        let socket = try EgressSocket.open(
            endpoint,
            to: path.destination,
            interfaceIndex: path.interface.index,
            receives: false,
            descriptorCeiling: .max
        )
        defer { socket.close() }
        let activity = TargetActivity(.endpoint(endpoint))
        let sources = OwnSockets()
        let mappings = try ReplyMappings(
            mapping,
            endpoint,
            RelayTarget.Egress(
                socket: socket,
                path: path,
                descriptorCeiling: descriptorCeiling,
                sourcePortBudget: SourcePortBudget(descriptorCeiling: descriptorCeiling)
            ),
            activity: activity,
            ownSockets: sources
        )
        try body(mappings, activity, sources)
        mappings.close()
        #expect(activity.mappings().isEmpty)
    }
}
