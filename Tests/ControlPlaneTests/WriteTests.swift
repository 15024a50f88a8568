import HTTPHosting
import RelayModel
import SessionStore
import Testing

@testable import ControlPlane

/// What writes do to sessions that fail, cannot be read, or stand in each other's way.
@Suite struct WriteTests {
    private static let patchType = "application/merge-patch+json"

    private func patch(_ service: Service, _ name: String, _ json: String) throws -> Response {
        try service.request(
            .patch,
            "/v1/sessions/\(name)",
            Array(json.utf8),
            contentType: Self.patchType
        )
    }

    @Test func aPatchOfManyUnknownMembersIsRefusedWithoutTryingEach() throws {
        let service = try Service(store: MemoryStore())
        try service.mustCreate(loopbackSender("a", localPort: 0))
        let members = (0..<60_000).map { "\"\($0)\":0" }.joined(separator: ",")
        let response = try patch(service, "a", "{\(members)}")
        #expect(response.status == .badRequest)
        #expect(try response.problemCode == "unknown-field")
    }

    @Test func whatThePolicyRefusesCanBeMendedOrSwitchedOff() throws {
        let service = try Service(store: MemoryStore())
        try service.mustCreate(loopbackSender("a", localPort: 0) + #","ttl":9"#)
        try service.mustCreate(loopbackSender("b", localPort: 0) + #","ttl":9"#)
        var policy = SessionPolicy()
        policy.ttlMax = 5
        service.registry.setPolicy(policy)
        service.registry.enforcePolicy()
        let states = service.registry.snapshot().sessions.map(\.status.state)
        #expect(states == [.failed, .failed])
        #expect(try patch(service, "a", #"{"labels":{"x":"y"}}"#).status == .forbidden)
        let mended = try patch(service, "a", #"{"ttl":3}"#)
        #expect(mended.status == .ok, "\(mended.text)")
        #expect(try mended.json["status"]?["state"]?.string == "running")
        let disabled = try patch(service, "b", #"{"enabled":false}"#)
        #expect(disabled.status == .ok, "\(disabled.text)")
        #expect(try patch(service, "b", #"{"enabled":true}"#).status == .forbidden)
    }

    @Test func aSessionThatThePolicyKeepsOffItsInterfaceIsRefusedBeforeItIsOpened() throws {
        let service = try Service(store: MemoryStore(), descriptorCeiling: 0)
        var policy = SessionPolicy()
        policy.interfaces = [try #require(InterfacePattern("other0"))]
        service.registry.setPolicy(policy)
        // No descriptor could be had, so opening would have failed in another way.
        let response = try service.create(
            #""name":"a","kind":"multicast-receiver","group":"239.255.1.1","port":9,"#
                + #""interface":"127.0.0.1""#
        )
        #expect(try response.problemCode == "forbidden-by-policy")
    }

    @Test func noSelectorChoosesASessionWhoseLabelsCannotBeRead() throws {
        let store = MemoryStore()
        try store.insert(
            StoredSession(
                name: "unreadable",
                id: SessionID(createdAt: Timestamp(nanoseconds: 0)).description,
                kind: "multicast-sender",
                definition: #"{"later":1}"#,
                generation: 1,
                createdAt: 0,
                updatedAt: 0
            )
        )
        let service = try Service(store: store)
        let deleted = try service.request(.delete, "/v1/sessions?selector=env!%3Dprod")
        #expect(try deleted.json["deleted"]?.elements.isEmpty == true)
        let pruned = try service.post(
            "/v1/apply?prune=true&selector=!env",
            #"{"items":[]}"#
        )
        #expect(try pruned.json["items"]?.elements.isEmpty == true)
        #expect(try service.get("/v1/sessions/unreadable").status == .ok)
        #expect(try service.get("/v1/sessions?selector=!env").json["total"]?.integer == 0)
    }

    @Test func twoSessionsCanSwapTheirPortsAtomically() throws {
        let service = try Service(store: MemoryStore())
        let (first, second) = (try service.freePort(), try service.freePort())
        try service.mustCreate(loopbackSender("a", localPort: first))
        try service.mustCreate(loopbackSender("b", localPort: second))
        let swapped =
            "{\"items\":[{\(loopbackSender("a", localPort: second))},"
            + "{\(loopbackSender("b", localPort: first))}]}"
        let response = try service.post("/v1/apply?atomic=true", swapped)
        #expect(response.status == .ok, "\(response.text)")
        let ports = service.registry.snapshot().sessions.map { $0.running?.localEndpoint.port }
        #expect(ports == [UInt16(second), UInt16(first)])
    }

    @Test func aRefusedApplyKeepsWhatIsRememberedOfPackets() throws {
        let store = MemoryStore()
        let service = try Service(store: store)
        try service.mustCreate(loopbackSender("a", localPort: 0))
        let sent = try service.post("/v1/sessions/a/datagrams", #"{"text":"x"}"#)
        #expect(sent.status == .ok, "\(sent.text)")
        store.fail([.insert])
        let none = loopbackSender("a", localPort: 0) + #","recentPackets":0"#
        #expect(try service.post("/v1/apply", "{\"items\":[{\(none)}]}").status.code == 503)
        let kept = try service.get("/v1/sessions/a/packets")
        #expect(try kept.json["items"]?.elements.isEmpty == false)
        store.fail([])
        #expect(try service.post("/v1/apply", "{\"items\":[{\(none)}]}").status == .ok)
        #expect(try service.get("/v1/sessions/a/packets").json["items"]?.elements.isEmpty == true)
    }
}
