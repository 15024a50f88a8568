import HTTPTypes
import RelayEngine
import Testing

@testable import ControlPlane
@testable import HTTPHosting
@testable import RelayModel

/// Streams: how many there are, how they stay alive, and how they end.
@Suite struct EventStreamsTests {
    private static let second: Int64 = 1_000_000_000

    let service: Service
    let streams = OpenStreams(streamsMax: 3)

    init() throws { service = try Service(store: MemoryStore()) }

    private func open(
        _ client: EventStream,
        _ target: String = "/v1/events"
    ) throws -> OpenStream? {
        streams.add(client.stream, for: try watchRequest(target))
    }

    /// Begins a watch as a request does.
    private func watch(
        _ watches: EventWatches,
        _ client: EventStream,
        _ target: String = "/v1/events",
        after revision: Revision? = nil,
        sees: @escaping @Sendable ([String: String]) -> Bool = { _ in true }
    ) throws {
        var request = try watchRequest(target)
        request.fields[.lastEventID] = revision?.description
        let opened = try #require(streams.add(client.stream, for: request))
        watches.begin(opened, try EventQuery(request), reaches: sees)
    }

    @Test func thereIsRoomForAsManyAsTheLimitSaysAndAgainWhenOneEnds() throws {
        let clients = (0..<4).map { _ in EventStream() }
        for client in clients.prefix(3) {
            try streams.requireRoom()
            #expect(try open(client) != nil)
        }
        #expect(throws: Problem.self) { try streams.requireRoom() }
        #expect(try open(clients[3]) == nil && clients[3].isEnded)
        clients[0].close()
        try streams.requireRoom()
        #expect(streams.count == 2)
        streams.endAll()
        #expect(clients[1].isEnded && clients[2].isEnded)
        clients[1].close()
        #expect(try open(EventStream()) == nil)
    }

    @Test func aStreamThatIsOverBeforeItIsTakenInLeavesNothing() throws {
        let client = EventStream()
        client.close()
        _ = try open(client)
        #expect(streams.count == 0)
        let watches = EventWatches(service.registry)
        let late = EventStream()
        let opened = try #require(try open(late))
        late.close()
        watches.begin(opened, try EventQuery(try watchRequest()), reaches: { _ in true })
        #expect(streams.count == 0)
    }

    @Test func silenceIsBrokenAfterTenSecondsAndSaysHowFarAWatchIs() throws {
        let watches = EventWatches(service.registry)
        let (watcher, other) = (EventStream(), EventStream())
        try watch(watches, watcher, sees: { _ in false })
        _ = try open(other)
        service.registry.events.created(try idleSession("a"))
        #expect(watcher.readNames() == ["hello"])
        let now = HostNetwork.monotonicNanoseconds()
        streams.sendHeartbeats(at: now + 9 * Self.second)
        #expect(watcher.read() == "" && other.read() == "")
        streams.sendHeartbeats(at: now + 10 * Self.second)
        #expect(watcher.read() == ": heartbeat\nid: \(service.registry.events.revision)\n\n")
        #expect(other.read() == ": heartbeat\n\n")
        streams.sendHeartbeats(at: now + 19 * Self.second)
        #expect(other.read() == "")
        streams.sendHeartbeats(at: now + 20 * Self.second)
        #expect(other.read() == ": heartbeat\n\n")
    }

    @Test func onlyThoseEndWhoseRequestsWouldBeRefusedNow() throws {
        let (kept, revoked) = (EventStream(), EventStream())
        _ = try open(kept, "/kept")
        _ = try open(revoked, "/revoked")
        streams.endRevoked { $0.path != "/revoked" }
        #expect(revoked.isEnded && !kept.isEnded)
    }

    @Test func whoIsTooSlowIsSentAwayAndOthersAreNot() throws {
        let watches = EventWatches(service.registry)
        let (slow, quick) = (EventStream(pendingBytesMax: 2048), EventStream(pendingBytesMax: 2048))
        try watch(watches, slow)
        try watch(watches, quick)
        #expect(quick.readNames() == ["hello"])
        let session = try idleSession("a")
        for _ in 0..<20 {
            service.registry.events.created(session)
            #expect(quick.readNames() == ["session.created"])
        }
        #expect(slow.isEnded && slow.stream.pendingBytes == 0)
    }

    @Test func aReplayIsSentHoweverLongItIs() throws {
        let watches = EventWatches(service.registry)
        let log = service.registry.events
        let start = log.revision
        let session = try idleSession("a")
        for _ in 0..<20 { log.created(session) }
        let (narrow, wide) = (EventStream(pendingBytesMax: 2048), EventStream())
        try watch(watches, narrow, after: start)
        try watch(watches, wide, after: start)
        #expect(narrow.readNames() == ["hello"] + Array(repeating: "session.created", count: 20))
        #expect(wide.readNames() == ["hello"] + Array(repeating: "session.created", count: 20))
        log.deleted(session)
        #expect(narrow.readNames() == ["session.deleted"])
        #expect(wide.readNames() == ["session.deleted"])
    }

    @Test func aRoundOfCountersGoesOnWhereTheClientWasBehind() throws {
        for name in ["a", "b", "c", "d", "e"] {
            try service.mustCreate(
                #""name":"\#(name)","kind":"broadcast","port":9,"enabled":false"#
            )
        }
        let watches = EventWatches(service.registry)
        let client = EventStream(pendingBytesMax: 2048)
        try watch(watches, client, "/v1/events?counters=2")
        _ = client.read()
        var now = HostNetwork.monotonicNanoseconds()
        var seen = ""
        for _ in 0..<50 {
            watches.sendCounters(at: now)
            let text = client.read()
            for name in ["a", "b", "c", "d", "e"] where text.contains(#"{"name":"\#(name)""#) {
                seen += name
            }
            now += Self.second
        }
        #expect(seen.hasPrefix("abcdeabcdeabcde"), "\(seen)")
        #expect(!client.isEnded)
    }

    @Test func aRoundOfCountersLeavesRoomForEvents() throws {
        for number in 0..<400 {
            try service.mustCreate(
                #""name":"s\#(number)","kind":"broadcast","port":9,"enabled":false"#
            )
        }
        let watches = EventWatches(service.registry)
        let client = EventStream()
        try watch(watches, client, "/v1/events?counters=1")
        watches.sendCounters(at: HostNetwork.monotonicNanoseconds())
        #expect(client.stream.pendingBytes >= EventWatch.countersBytesMax)
        service.registry.events.created(try idleSession("late"))
        #expect(!client.isEnded)
        #expect(client.readNames().last == "session.created")
    }

    @Test func aFollowerOfPacketsIsGoneWhenItsClientIs() throws {
        try service.mustCreate(loopbackSender("out", localPort: 0))
        let name = try #require(SessionName("out"))
        let session = try #require(service.registry.session(name))
        let client = EventStream()
        weak var follower: PacketFollower?
        do {
            let opened = try #require(try open(client))
            let made = PacketFollower(
                session,
                opened,
                service.registry,
                service.control,
                after: 0,
                direction: nil,
                format: .text,
                reaches: { _ in true }
            )
            follower = made
            #expect(service.control.submit { made.begin() })
        }
        let sent = try service.post("/v1/sessions/out/datagrams", #"{"text":"hello"}"#)
        #expect(sent.status == .ok)
        var text = ""
        #expect(
            service.eventually {
                text += client.read()
                return text.contains(#""payload":"hello""#)
            }
        )
        #expect(text.contains("id: \(PacketEventID.text(1, of: session))\nevent: packet\n"))
        client.close()
        // A timer may hold it a little longer.
        #expect(service.eventually { follower == nil })
        #expect(streams.count == 0)
    }

    @Test func anIdOfAPacketCountsForTheObservationThatItIsOf() throws {
        let (session, other) = (try idleSession("a"), try idleSession("a"))
        let id = PacketEventID.text(991, of: session)
        #expect(PacketEventID.sequence(id, of: session) == 991)
        #expect(PacketEventID.sequence(id, of: other) == nil)
        for wrong in ["991", "", "-", id + "x", id + "-1", "0-991", id + "0000000000000000000"] {
            #expect(PacketEventID.sequence(wrong, of: session) == nil, "\(wrong)")
        }
    }
}
