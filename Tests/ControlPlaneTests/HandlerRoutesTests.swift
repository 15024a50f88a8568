import HTTPHosting
import HTTPTypes
import RelayEngine
import RelayModel
import Testing

@testable import ControlPlane

/// `reply.handler` over the API: it is named there, and declared elsewhere.
@Suite struct HandlerRoutesTests {
    private static let hostname = Handler(["/bin/hostname"])

    private func name(_ text: String) throws -> HandlerName { try #require(HandlerName(text)) }

    private func service(in store: MemoryStore = MemoryStore()) throws -> Service {
        try Service(
            store: store,
            handlers: [try name("hostname"): Self.hostname, try name("a"): Self.hostname]
        )
    }

    private func receiver(_ name: String, _ service: Service, _ reply: String) throws -> String {
        #""name":"\#(name)","kind":"multicast-receiver","group":"239.255.8.2","#
            + #""port":\#(try service.freePort()),"interface":"lo","reply":\#(reply)"#
    }

    @Test func aDeclaredHandlerIsServedAndShown() throws {
        let service = try service()
        let made = try service.mustCreate(
            receiver("h", service, #"{"handler":"hostname","perSecondMax":7}"#)
        )
        #expect(made["reply"]?["handler"]?.string == "hostname")
        #expect(made["reply"]?["perSecondMax"]?.integer == 7)
        #expect(made["status"]?["state"]?.string == "running")
        try service.mustCreate(receiver("t", service, #"{"text":"x"}"#))
        let counters = try service.get("/v1/sessions/h/counters").json["handler"]
        #expect(counters?["runs"]?.integer == 0 && counters?["busy"]?.integer == 0)
        let reasons: Set = ["exitStatus", "timeOut", "outputTooLong", "notStarted"]
        #expect(counters?["failed"]?.keys == reasons)
        #expect(try service.get("/v1/sessions/t/counters").json["handler"] == nil)
        let metrics = try service.get("/metrics").text
        let labels = #"session="h",kind="multicast-receiver""#
        #expect(metrics.contains("relaycast_session_handler_runs_total{\(labels)} 0\n"))
        #expect(metrics.contains(#"failed_handler_runs_total{\#(labels),reason="time-out"} 0"#))
        #expect(metrics.contains("relaycast_session_busy_handler_datagrams_total{\(labels)} 0"))
        #expect(!metrics.contains(#"handler_runs_total{session="t""#))
    }

    @Test func theServerTellsTheNamesAndNothingElse() throws {
        let service = try service()
        let server = try service.get("/v1/server")
        #expect(try server.json["handlers"]?.elements.map(\.string) == ["a", "hostname"])
        #expect(!server.text.contains("/bin/"))
    }

    @Test func anUnknownHandlerIsAConflictAndNothingChanges() throws {
        let service = try service()
        let unknown = #"{"handler":"unknown"}"#
        let refused = try service.create(receiver("u", service, unknown))
        #expect(refused.status == .conflict)
        #expect(try refused.problemCode == "handler-not-found")
        let errors = try refused.json["errors"]?.elements.map { $0["pointer"]?.string }
        #expect(errors == ["/reply/handler"])
        #expect(try service.get("/v1/sessions").json["total"]?.integer == 0)

        try service.mustCreate(receiver("t", service, #"{"text":"x"}"#))
        let patched = try service.request(
            .patch,
            "/v1/sessions/t",
            Array(#"{"reply":{"text":null,"handler":"unknown"}}"#.utf8),
            contentType: "application/merge-patch+json"
        )
        #expect(try patched.problemCode == "handler-not-found", "\(patched.text)")
        #expect(try service.get("/v1/sessions/t").json["reply"]?["text"]?.string == "x")

        let item = "{\(try receiver("d", service, unknown))}"
        let rehearsed = try service.post("/v1/apply?dryRun=true", #"{"items":[\#(item)]}"#)
        let result = try rehearsed.json["items"]?.elements.first
        #expect(result?["error"]?["code"]?.string == "handler-not-found")
    }

    @Test func aSessionThatMayWaitStartsWhenItsHandlerIsDeclared() throws {
        let service = try service()
        let waiting = try service.mustCreate(
            receiver("w", service, #"{"handler":"later"}"#) + #","whenUnavailable":"wait""#
        )
        #expect(waiting["status"]?["state"]?.string == "waiting")
        #expect(waiting["status"]?["reason"]?["code"]?.string == "handler-not-found")
        service.engine.setHandlers([try name("later"): Self.hostname])
        SessionSupervisor(service.registry).tick()
        let status = try service.get("/v1/sessions/w").json["status"]
        #expect(status?["state"]?.string == "running")
    }

    @Test func aSessionWhoseHandlerIsTakenAwayFailsUntilItIsBack() throws {
        let service = try service()
        try service.mustCreate(receiver("h", service, #"{"handler":"hostname"}"#))
        try service.mustCreate(receiver("t", service, #"{"text":"x"}"#))
        service.engine.setHandlers([:])
        service.registry.enforcePolicy()
        SessionSupervisor(service.registry).tick()
        let failed = try service.get("/v1/sessions/h").json["status"]
        #expect(failed?["state"]?.string == "failed")
        #expect(failed?["reason"]?["code"]?.string == "handler-not-found")
        let other = try service.get("/v1/sessions/t").json["status"]
        #expect(other?["state"]?.string == "running")
        service.engine.setHandlers([try name("hostname"): Self.hostname])
        SessionSupervisor(service.registry).tick()
        let back = try service.get("/v1/sessions/h").json["status"]
        #expect(back?["state"]?.string == "running")
    }

    @Test func aRestoredSessionWithoutItsHandlerIsFailedAndKeepsItsDefinition() throws {
        let directory = try TemporaryDirectory()
        do {
            let service = try Service(in: directory)
            service.engine.setHandlers([try name("hostname"): Self.hostname])
            try service.mustCreate(receiver("h", service, #"{"handler":"hostname"}"#))
        }
        let service = try Service(in: directory)
        let session = try service.get("/v1/sessions/h").json
        #expect(session["status"]?["state"]?.string == "failed")
        #expect(session["status"]?["reason"]?["code"]?.string == "handler-not-found")
        #expect(session["reply"]?["handler"]?.string == "hostname")
    }
}
