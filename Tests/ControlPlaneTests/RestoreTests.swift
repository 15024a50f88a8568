import HTTPHosting
import HTTPTypes
import RelayEngine
import RelayModel
import SessionStore
import Testing

@testable import ControlPlane

/// What is there after the daemon was started again.
@Suite struct RestoreTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A running service, used and closed, so that the next one can open the store.
    private func withService<Result>(_ body: (Service) throws -> Result) throws -> Result {
        try body(try Service(in: directory))
    }

    @Test func everyPersistentSessionComesBackAsItWas() throws {
        let before = try withService { service in
            let port = try service.freePort()
            let group = #""group":"239.255.10.2","port":\#(port),"interface":"lo""#
            try service.mustCreate(
                #""name":"a","kind":"multicast-receiver",\#(group),"labels":{"k":"v"}"#
            )
            try service.mustCreate(#""name":"b","kind":"broadcast","port":9,"enabled":false"#)
            try service.mustCreate(#""name":"c","kind":"multicast-peer",\#(group),"persist":false"#)
            try service.mustCreate(loopbackSender("d", localPort: 0))
            return try service.get("/v1/sessions").json
        }
        let after = try withService { try $0.get("/v1/sessions").json }
        let kept = before["items"]?.elements.filter { $0["name"]?.string != "c" } ?? []
        let found = after["items"]?.elements ?? []
        #expect(found.map { $0["name"]?.string } == ["a", "b", "d"])
        for (old, new) in zip(kept, found) {
            #expect(new.keys == old.keys)
            for key in old.keys where key != "status" { #expect(new[key] == old[key], "\(key)") }
            #expect(new["status"]?["state"] == old["status"]?["state"])
        }
    }

    /// Of those that cannot all have their port, first those that had it: not by name alone.
    @Test func whoHadAPortIsRestoredFirst() throws {
        func session(_ name: String, _ port: Int, _ more: String) throws -> ManagedSession {
            let definition = try decode(
                #"{"name":"\#(name)","kind":"broadcast","role":"receiver","port":\#(port)\#(more)}"#
            )
            return ManagedSession(creating: definition, origin: .api)
        }
        let sessions = try [
            session("a", 9, #","whenUnavailable":"wait""#), session("b", 10, ""),
            session("c", 9, #","whenUnavailable":"wait","exclusive":true"#), session("d", 9, ""),
            session("e", 9, #","exclusive":true"#), session("f", 10, #","whenUnavailable":"wait""#),
            session("g", 10, ""),
        ]
        let order = RestoringOrder.sorted(sessions).map(\.name.description)
        #expect(order == ["e", "d", "c", "a", "b", "f", "g"])
    }

    @Test func aDeletedSessionStaysAway() throws {
        try withService { service in
            for name in ["a", "b"] { try service.mustCreate(loopbackSender(name, localPort: 0)) }
            #expect(try service.delete("a").status == .noContent)
        }
        #expect(try withService { try $0.get("/v1/sessions").json["total"]?.integer } == 1)
    }

    @Test func aSessionThatCannotBeRestoredIsFailedUntilItCan() throws {
        let port = try withService { service in
            let port = try service.freePort()
            try service.mustCreate(loopbackSender("s", localPort: port))
            return port
        }
        let holder = try Service(store: MemoryStore())
        try holder.mustCreate(loopbackSender("holder", localPort: port))
        try withService { service in
            let status = try service.get("/v1/sessions/s").json["status"]
            #expect(status?["state"]?.string == "failed")
            #expect(status?["reason"]?["code"]?.string == "address-in-use")
            #expect(status?["reason"]?["errno"]?.string == "EADDRINUSE")
            #expect(try holder.delete("holder").status == .noContent)
            SessionSupervisor(service.registry).tick()
            #expect(try service.get("/v1/sessions/s").json["status"]?["state"]?.string == "running")
            #expect(try service.post("/v1/sessions/s/datagrams", #"{"text":"x"}"#).status == .ok)
        }
    }

    @Test func aSessionThatMayWaitStartsWhenItCan() throws {
        let holder = try Service(store: MemoryStore())
        let port = try holder.freePort()
        try holder.mustCreate(loopbackSender("holder", localPort: port))
        try withService { service in
            let session = try service.mustCreate(
                #"\#(loopbackSender("s", localPort: port)),"whenUnavailable":"wait""#
            )
            #expect(session["status"]?["state"]?.string == "waiting")
            #expect(session["status"]?["reason"]?["code"]?.string == "address-in-use")
            #expect(
                try service.post("/v1/sessions/s/datagrams", #"{"text":"x"}"#).problemCode
                    == "session-not-running"
            )
            let supervisor = SessionSupervisor(service.registry)
            supervisor.tick()
            #expect(try service.get("/v1/sessions?state=waiting").json["total"]?.integer == 1)
            #expect(try holder.delete("holder").status == .noContent)
            supervisor.tick()
            #expect(try service.get("/v1/sessions/s").json["status"]?["state"]?.string == "running")
        }
    }

    @Test func aSessionWhoseInterfaceIsMissingWaits() throws {
        let store = MemoryStore()
        let definition =
            #"{\#(Minimal.peer),"name":"p","interface":"nope0"}"#
        try store.insert(Self.stored("p", definition))
        let service = try Service(store: store)
        let status = try service.get("/v1/sessions/p").json["status"]
        #expect(status?["state"]?.string == "waiting")
        #expect(status?["reason"]?["code"]?.string == "interface-unavailable")
    }

    private static func stored(
        _ name: String,
        _ definition: String,
        kind: String = "multicast-peer",
        id: String? = nil
    ) -> StoredSession {
        let createdAt: Int64 = 1_764_000_000_123_456_789
        return StoredSession(
            name: name,
            id: id ?? SessionID(createdAt: Timestamp(nanoseconds: createdAt)).description,
            kind: kind,
            definition: definition,
            generation: 3,
            createdAt: createdAt,
            updatedAt: createdAt
        )
    }

    /// What an older version has let in, and this one refuses, says what to write instead.
    @Test func aDefinitionThatIsRefusedNowSaysWhy() throws {
        let store = try SQLiteStore(directory: directory.path)
        let mapped =
            ##"{"kind":"multicast-receiver","group":"ff05::1","port":1,"interface":"lo","##
            + ##""forward":[{"address":"::ffff:192.0.2.1","port":9}]}"##
        try store.insert(Self.stored("old", mapped))
        try store.close()
        try withService { service in
            let reason = try service.get("/v1/sessions/old").json["status"]?["reason"]
            #expect(reason?["code"]?.string == "definition-unreadable")
            let detail = try #require(reason?["detail"]?.string)
            for part in ["/forward/0/address", "192.0.2.1", "put a whole one in its place"] {
                #expect(detail.contains(part), "\(detail)")
            }
        }
    }

    @Test(arguments: [
        "{}", "[]", #"{"kind":"multicast-peer","group":"239.1.2.3","port":0}"#,
        #"{"kind":"multicast-peer","group":"239.1.2.3","port":1,"fieldOfTomorrow":true}"#,
        #"{"kind":"tunnel","port":1}"#,
    ])
    func aDefinitionThatCannotBeReadIsFailedAndCanBeDeleted(definition: String) throws {
        let store = try SQLiteStore(directory: directory.path)
        try store.insert(Self.stored("old", definition))
        try store.close()
        try withService { service in
            let session = try service.get("/v1/sessions/old?include=counters")
            #expect(session.status == .ok)
            let status = try session.json["status"]
            #expect(status?["state"]?.string == "failed")
            #expect(status?["reason"]?["code"]?.string == "definition-unreadable")
            #expect(status?["reason"]?["detail"]?.string?.contains("delete the session") == true)
            #expect(try session.json["generation"]?.integer == 3)
            #expect(try session.json["createdAt"]?.string == "2025-11-24T16:00:00.123456789Z")
            #expect(try service.get("/v1/sessions/old/packets?wait=30").status == .ok)
            let send = try service.post("/v1/sessions/old/datagrams", #"{"text":""}"#)
            #expect(try send.problemCode == "session-not-running")
            SessionSupervisor(service.registry).tick()
            #expect(try service.get("/v1/sessions?state=failed").json["total"]?.integer == 1)
        }
        // It is kept as it is until somebody deletes it.
        #expect(try withService { try $0.delete("old").status } == .noContent)
        #expect(try SQLiteStore(directory: directory.path).all().isEmpty)
    }

    /// A row that this version could not have written is shown under a name of its own, and
    /// deleting it deletes the row.
    @Test func aRowWhoseNameCannotBeReadCanBeDeleted() throws {
        let store = MemoryStore()
        try store.insert(Self.stored("Not A Name", "{}", kind: "tunnel", id: "x"))
        let service = try Service(store: store)
        let list = try service.get("/v1/sessions").json
        let name = try #require(list["items"]?.elements.first?["name"]?.string)
        #expect(try service.delete(name).status == .noContent)
        #expect(store.names == [])
    }
}
