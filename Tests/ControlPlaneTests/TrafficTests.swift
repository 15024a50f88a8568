import HTTPHosting
import HTTPTypes
import RelayEngine
import RelayModel
import Testing

@testable import ControlPlane

/// Datagrams that a sender of the API sends to a receiver of the API over the loopback interface.
@Suite struct TrafficTests {
    let service: Service
    let port: Int

    init() throws {
        service = try Service(store: MemoryStore())
        port = try service.freePort()
        try service.mustCreate(
            #""name":"in","kind":"multicast-receiver",\#(group),"recentPackets":8,"snapLength":4"#
        )
        try service.mustCreate(#""name":"out","kind":"multicast-sender",\#(group),"ttl":3"#)
    }

    /// A group and port of this test's own.
    private var group: String {
        #""group":"239.255.\#(port >> 8).\#(port & 0xFF)","port":\#(port),"interface":"lo""#
    }

    private func send(_ body: String) throws -> JSONValue {
        let response = try service.post("/v1/sessions/out/datagrams", body)
        #expect(response.status == .ok, "\(response.text)")
        return try response.json
    }

    private func packets(_ query: String, of name: String = "in") throws -> JSONValue {
        try service.get("/v1/sessions/\(name)/packets?\(query)").json
    }

    /// Waits until the receiver has received this many datagrams.
    private func awaitReceived(_ count: Int) throws {
        let isThere = try service.eventually {
            try service.get("/v1/sessions/in/counters").json["received"]?["datagrams"]?.integer
                == count
        }
        #expect(isThere)
    }

    @Test func whatIsSentIsReceivedCountedAndRemembered() throws {
        let sent = try send(#"{"datagrams":[{"text":"hello"},{"hex":"00ff"},{"base64":""}]}"#)
        #expect(sent["items"]?.elements.map { $0["length"]?.integer } == [5, 2, 0])
        #expect(sent["items"]?.elements.map { $0["sequence"]?.integer } == [1, 2, 3])
        try awaitReceived(3)
        let received = try service.get("/v1/sessions/in/counters").json
        #expect(received["accepted"]?["bytes"]?.integer == 7)
        #expect(received["sources"]?.elements.map { $0["datagrams"]?.integer } == [3])
        let sender = try service.get("/v1/sessions/out").json
        let senderPort = sender["status"]?["localAddress"]?["port"]
        #expect(received["sources"]?.elements.first?["port"] == senderPort)
        let out = try service.get("/v1/sessions/out/counters").json
        #expect(out["sent"]?["datagrams"]?.integer == 3 && out["sent"]?["bytes"]?.integer == 7)
        let first = try #require(try packets("").elements(of: "items").first)
        #expect(first["direction"]?.string == "received" && first["verdict"]?.string == "accepted")
        #expect(first["destination"]?["port"]?.integer == port)
        #expect(first["destinationClass"]?.string == "multicast")
        #expect(first["interface"]?.string == "lo" && first["ttl"]?.integer == 3)
        #expect(first["source"]?["port"] == senderPort)
        #expect(first["length"]?.integer == 5 && first["capturedLength"]?.integer == 4)
    }

    @Test(
        arguments: [
            ("base64", "AP9hYg=="), ("hex", "00ff6162"), ("text", "\0\u{FFFD}ab"), ("none", nil),
        ] as [(String, String?)]
    )
    func aPayloadIsShownAsAsked(format: String, expected: String?) throws {
        _ = try send(#"{"hex":"00ff6162cc"}"#)
        try awaitReceived(1)
        let items = try packets("payload=\(format)").elements(of: "items")
        #expect(items.map { $0["payload"]?.string } == [expected])
    }

    @Test func packetsAreReadOnByTheCursor() throws {
        _ = try send(
            #"{"datagrams":[{"text":"1"},{"text":"2"},{"text":"3"},{"text":"4"},{"text":"5"}]}"#
        )
        try awaitReceived(5)
        var read: [Int] = []
        var cursor = 0
        for _ in 0..<3 {
            let page = try packets("after=\(cursor)&limit=2&payload=text")
            read += page.elements(of: "items").compactMap { $0["sequence"]?.integer }
            cursor = try #require(page["next"]?.integer)
            #expect(page["missed"]?.integer == 0)
        }
        #expect(read == [1, 2, 3, 4, 5])
        #expect(cursor == 5)
        #expect(try packets("after=5").elements(of: "items").isEmpty)
        #expect(try packets("after=9223372036854775807")["next"]?.integer == 5)
        #expect(try packets("after=0&direction=sent").elements(of: "items").isEmpty)
        #expect(try packets("after=0&direction=sent", of: "out").elements(of: "items").count == 5)
    }

    @Test func whatTheRingLostIsCountedAsMissed() throws {
        for _ in 0..<3 {
            _ = try send(#"{"datagrams":[{"text":"1"},{"text":"2"},{"text":"3"},{"text":"4"}]}"#)
        }
        try awaitReceived(12)
        let page = try packets("after=0&limit=1000")
        #expect(page["missed"]?.integer == 4)
        #expect(page["oldest"]?.integer == 5 && page["next"]?.integer == 12)
        #expect(page.elements(of: "items").count == 8)
    }

    @Test func aLongPollAnswersWhenAPacketComes() throws {
        let answer = HTTPHosting.Locked<Response?>(nil)
        let thread = try WorkerThread(name: "poll") { [service] in
            let response = try? service.get("/v1/sessions/in/packets?after=0&wait=30&payload=text")
            answer.withLock { $0 = response }
        }
        _ = try send(#"{"text":"now"}"#)
        thread.join()
        let page = try #require(answer.withLock { $0 }).json
        #expect(page.elements(of: "items").first?["payload"]?.string == "now")
    }

    /// The cursor of an earlier incarnation: what comes next must not be taken for seen.
    @Test func aLongPollWithACursorFromTheFutureGetsTheNextPacket() throws {
        let answer = HTTPHosting.Locked<Response?>(nil)
        let thread = try WorkerThread(name: "poll") { [service] in
            let response = try? service.get("/v1/sessions/in/packets?after=1000000&wait=20")
            answer.withLock { $0 = response }
        }
        let deadline = HostNetwork.monotonicNanoseconds() + 15_000_000_000
        while answer.withLock({ $0 }) == nil && HostNetwork.monotonicNanoseconds() < deadline {
            _ = try send(#"{"text":"now"}"#)
        }
        thread.join()
        let page = try #require(answer.withLock { $0 }).json
        #expect(page.elements(of: "items").isEmpty == false)
    }

    @Test func aLongPollEndsWithItsTime() throws {
        let start = HostNetwork.monotonicNanoseconds()
        let page = try packets("after=0&wait=1")
        #expect(page.elements(of: "items").isEmpty && page["next"]?.integer == 0)
        #expect(HostNetwork.monotonicNanoseconds() - start >= 900_000_000)
    }

    /// The poll may be asked before or after the deletion; both answer, and neither waits.
    @Test func aLongPollEndsWithItsSession() throws {
        let start = HostNetwork.monotonicNanoseconds()
        let isDone = Latch()
        let thread = try WorkerThread(name: "poll") { [service] in
            isDone.set()
            _ = try? service.get("/v1/sessions/in/packets?after=0&wait=29")
        }
        isDone.wait()
        #expect(try service.delete("in").status == .noContent)
        thread.join()
        #expect(HostNetwork.monotonicNanoseconds() - start < 20_000_000_000)
    }

    @Test func oneDatagramIsPostedAsOctets() throws {
        for body in [[], [0, 255], Array("text".utf8)] as [[UInt8]] {
            let response = try service.request(
                .post,
                "/v1/sessions/out/datagrams",
                body,
                contentType: "Application/Octet-Stream"
            )
            #expect(
                try response.json["items"]?.elements.map { $0["length"]?.integer } == [body.count]
            )
        }
        try awaitReceived(3)
        let texts = try packets("payload=hex").elements(of: "items").map { $0["payload"]?.string }
        #expect(texts == ["", "00ff", "74657874"])
    }

    @Test(arguments: [
        ("", "invalid-json"), ("[]", "invalid-field"), ("{}", "missing-field"),
        (#"{"hex":"0"}"#, "invalid-field"),
        (#"{"text":"a","x":1}"#, "unknown-field"), (#"{"datagrams":[]}"#, "invalid-field"),
    ])
    func aBadBodySendsNothing(body: String, code: String) throws {
        let response = try service.post("/v1/sessions/out/datagrams", body)
        #expect(response.status == .badRequest)
        #expect(try response.problemCode == code)
        #expect(
            try service.get("/v1/sessions/out/counters").json["sent"]?["datagrams"]?.integer == 0
        )
    }

    @Test func countersHoldTheirEquation() throws {
        try service.mustCreate(
            #""name":"strict","kind":"multicast-receiver",\#(group),"deny":["0.0.0.0/0"]"#
        )
        _ = try send(#"{"datagrams":[{"text":"1"},{"text":"2"}]}"#)
        #expect(
            try service.eventually {
                try service.get("/v1/sessions/strict/counters").json["received"]?["datagrams"]?
                    .integer == 2
            }
        )
        let counters = try service.get("/v1/sessions/strict/counters").json
        #expect(counters["dropped"]?["source"]?.integer == 2)
        #expect(counters["accepted"]?["datagrams"]?.integer == 0)
        #expect(counters["dropped"]?.keys == Set(DropReason.allCases.map(\.name)))
        let verdicts = try packets("", of: "strict").elements(of: "items").map {
            $0["reason"]?.string
        }
        #expect(verdicts == ["source", "source"])
    }
}

extension JSONValue {
    fileprivate func elements(of key: String) -> [JSONValue] { self[key]?.elements ?? [] }
}
