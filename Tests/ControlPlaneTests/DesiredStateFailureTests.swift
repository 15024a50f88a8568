import HTTPHosting
import HTTPTypes
import Testing

@testable import ControlPlane

/// A store that fails undoes what had been done already: the sessions are as they were, and run.
@Suite struct DesiredStateFailureTests {
    let store = MemoryStore()
    let service: Service
    let port: Int
    let otherPort: Int

    init() throws {
        service = try Service(store: store)
        port = try service.freePort()
        otherPort = try service.freePort()
    }

    private func put(_ name: String, _ members: String) throws -> Response {
        try service.request(
            .put,
            "/v1/sessions/\(name)",
            Array("{\(members)}".utf8),
            contentType: "application/json"
        )
    }

    private func patch(_ name: String, _ members: String) throws -> Response {
        try service.request(
            .patch,
            "/v1/sessions/\(name)",
            Array("{\(members)}".utf8),
            contentType: "application/merge-patch+json"
        )
    }

    private func session(_ name: String) throws -> JSONValue {
        try service.get("/v1/sessions/\(name)").json
    }

    private func send(_ name: String) throws {
        let sent = try service.post("/v1/sessions/\(name)/datagrams", #"{"text":"x"}"#)
        #expect(sent.status == .ok, "\(sent.text)")
    }

    private func sent(_ name: String) throws -> Int? {
        try service.get("/v1/sessions/\(name)/counters").json["sent"]?["datagrams"]?.integer
    }

    /// Expects that the port can be had, so that no socket was left on it.
    private func expectFree(_ port: Int) throws {
        let members = loopbackSender("probe", localPort: port) + #","persist":false"#
        try service.mustCreate(members)
        #expect(try service.delete("probe").status == .noContent)
    }

    private func expectStoreFull(_ response: Response) throws {
        #expect(response.status == .serviceUnavailable)
        #expect(try response.problemCode == "store-full", "\(response.text)")
    }

    @Test(arguments: [
        #""ttl":7"#, #""labels":{"a":"b"},"allow":["10.0.0.0/8"]"#, #""recentPackets":0"#,
        #""enabled":false"#, #""persist":false"#, #""group":"239.255.8.2""#,
        #""enabled":false,"group":"239.255.8.2""#, #""kind":"multicast-peer","localPort":null"#,
    ])
    func aChangeThatCannotBeStoredIsUndone(change: String) throws {
        try service.mustCreate(loopbackSender("s", localPort: 0))
        try send("s")
        let before = try session("s")
        let revision = service.registry.events.revision
        store.fail([.insert, .delete])
        try expectStoreFull(try patch("s", change))
        #expect(try session("s") == before)
        #expect(service.registry.events.revision == revision)
        try send("s")
        #expect(try sent("s") == 2)
        #expect(store.names == ["s"])
        store.fail([])
        #expect(try patch("s", change).status == .ok)
    }

    @Test func anotherSocketThatCannotBeStoredIsClosed() throws {
        try service.mustCreate(loopbackSender("s", localPort: port))
        let before = try session("s")
        store.fail([.insert])
        try expectStoreFull(try put("s", loopbackSender("s", localPort: otherPort)))
        #expect(try session("s") == before)
        try expectFree(otherPort)
        try send("s")
    }

    @Test func aSocketThatHadToGoFirstIsOpenedAgain() throws {
        try service.mustCreate(loopbackSender("s", localPort: port))
        try send("s")
        let before = try session("s")
        store.fail([.insert])
        try expectStoreFull(try patch("s", #""group":"239.255.8.3""#))
        let after = try session("s")
        for key in ["id", "generation", "group", "updatedAt"] { #expect(after[key] == before[key]) }
        #expect(after["status"]?["state"]?.string == "running")
        #expect(after["status"]?["localAddress"] == before["status"]?["localAddress"])
        try send("s")
        #expect(try sent("s") == 2)
    }

    @Test func aSessionThatCannotBeStoredByPutIsNotMade() throws {
        store.fail([.insert])
        try expectStoreFull(try put("s", loopbackSender("s", localPort: port)))
        #expect(try service.get("/v1/sessions/s").status == .notFound)
        try expectFree(port)
    }

    @Test func enablingThatCannotBeStoredLeavesTheSessionDisabled() throws {
        try service.mustCreate(loopbackSender("s", localPort: port) + #","enabled":false"#)
        let before = try session("s")
        store.fail([.insert])
        try expectStoreFull(try patch("s", #""enabled":true"#))
        #expect(try session("s") == before)
        try expectFree(port)
    }

    @Test(arguments: [true, false])
    func aSetThatCannotBeStoredIsUndone(isAtomic: Bool) throws {
        try service.mustCreate(loopbackSender("kept", localPort: port) + #","labels":{"a":"b"}"#)
        try service.mustCreate(loopbackSender("pruned", localPort: 0) + #","labels":{"a":"b"}"#)
        try send("kept")
        let before = try service.get("/v1/sessions").json
        store.fail([.insert])
        let items = [
            loopbackSender("kept", localPort: port) + #","ttl":9"#,
            loopbackSender("new", localPort: otherPort),
        ]
        let body = #"{"items":[\#(items.map { "{\($0)}" }.joined(separator: ","))]}"#
        let target = "/v1/apply?atomic=\(isAtomic)&prune=true&selector=a"
        try expectStoreFull(try service.post(target, body))
        #expect(try service.get("/v1/sessions").json == before)
        try expectFree(otherPort)
        try send("kept")
        try send("pruned")
        #expect(try sent("kept") == 2)
        #expect(store.names == ["kept", "pruned"])
        store.fail([])
        #expect(try service.post(target, body).status == .ok)
        #expect(store.names == ["kept", "new"])
    }

    @Test func portsThatMovedGoBackWhenTheSetCannotBeStored() throws {
        let thirdPort = try service.freePort()
        try service.mustCreate(loopbackSender("a", localPort: port))
        try service.mustCreate(loopbackSender("b", localPort: otherPort))
        store.fail([.insert])
        let items = [
            loopbackSender("a", localPort: thirdPort), loopbackSender("b", localPort: port),
        ]
        let body = #"{"items":[\#(items.map { "{\($0)}" }.joined(separator: ","))]}"#
        try expectStoreFull(try service.post("/v1/apply?atomic=true", body))
        for (name, own) in [("a", port), ("b", otherPort)] {
            let address = try session(name)["status"]?["localAddress"]
            #expect(address?["port"]?.integer == own)
            try send(name)
        }
        try expectFree(thirdPort)
        store.fail([])
        #expect(try service.post("/v1/apply?atomic=true", body).status == .ok)
        try send("a")
        try send("b")
    }

    @Test func sessionsThatCannotBeDeletedAllGoOn() throws {
        for name in ["a", "b", "c"] {
            try service.mustCreate(loopbackSender(name, localPort: 0) + #","labels":{"x":""}"#)
        }
        let before = try service.get("/v1/sessions").json
        store.fail([.delete])
        try expectStoreFull(try service.request(.delete, "/v1/sessions?selector=x"))
        #expect(try service.get("/v1/sessions").json == before)
        for name in ["a", "b", "c"] { try send(name) }
        #expect(store.names == ["a", "b", "c"])
    }

    @Test func atTheLimitASetMayReplaceWhatItPrunes() throws {
        let service = try Service(store: MemoryStore(), sessionsMax: 2)
        func set(_ names: [String]) -> String {
            let items = names.map {
                #"{"name":"\#($0)","kind":"broadcast","port":9,"enabled":false,"labels":{"x":""}}"#
            }
            return #"{"items":[\#(items.joined(separator: ","))]}"#
        }
        for query in ["dryRun=true", "dryRun=false"] {
            let response = try service.post("/v1/apply?\(query)", set(["a", "b", "c"]))
            let results = try response.json["items"]?.elements.map { $0["result"]?.string }
            #expect(results == ["created", "created", "failed"])
        }
        for query in ["dryRun=true", "dryRun=false"] {
            let target = "/v1/apply?\(query)&prune=true&selector=x"
            let response = try service.post(target, set(["c", "d"]))
            let results = try response.json["items"]?.elements.map { $0["result"]?.string }
            #expect(results == ["created", "created", "deleted", "deleted"])
        }
    }
}
