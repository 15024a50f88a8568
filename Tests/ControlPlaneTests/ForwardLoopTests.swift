import HTTPHosting
import RelayModel
import SessionStore
import Testing

@testable import ControlPlane

/// Sessions that would forward in a circle, or to one that only receives.
@Suite struct ForwardLoopTests {
    let service: Service

    init() throws { service = try Service(store: MemoryStore()) }

    /// A session that is not enabled: its definition is what counts.
    private func sender(_ name: String, to targets: String...) -> String {
        let forward = targets.map { #"{"session":"\#($0)"}"# }.joined(separator: ",")
        return loopbackSender(name, localPort: 0) + #","enabled":false,"forward":[\#(forward)]"#
    }

    private func apply(_ items: String..., query: String = "") throws -> Response {
        let body = items.map { "{\($0)}" }.joined(separator: ",")
        return try service.post("/v1/apply?\(query)", #"{"items":[\#(body)]}"#)
    }

    private func results(_ response: Response) throws -> [String] {
        try response.json["items"]?.elements.map {
            [$0["name"]?.string, $0["result"]?.string, $0["error"]?["code"]?.string]
                .compactMap(\.self).joined(separator: " ")
        } ?? []
    }

    @Test func aWriteThatClosesACircleIsRefusedAndNamesIt() throws {
        try service.mustCreate(sender("a", to: "x", "b"))
        try service.mustCreate(sender("b", to: "c"))
        let refused = try service.create(sender("c", to: "y", "a"))
        #expect(refused.status == .conflict)
        let problem = try refused.json
        #expect(problem["code"]?.string == "forward-loop")
        #expect(problem["detail"]?.string?.contains("c → a → b → c") == true)
        #expect(problem["errors"]?.elements.map { $0["pointer"]?.string } == ["/forward/1"])
        #expect(try service.get("/v1/sessions/c").status == .notFound)
        try service.mustCreate(sender("c"))
        for method in ["PUT", "PATCH"] {
            let answer = try service.request(
                method == "PUT" ? .put : .patch,
                "/v1/sessions/c",
                Array(
                    "{\(method == "PUT" ? sender("c", to: "a") : #""forward":[{"session":"a"}]"#)}"
                        .utf8
                ),
                contentType: method == "PUT" ? "application/json" : "application/merge-patch+json"
            )
            #expect(try answer.json["code"]?.string == "forward-loop", "\(method)")
        }
        #expect(try service.get("/v1/sessions/c").json["generation"]?.integer == 1)
    }

    @Test func aCircleOfTwoSessionsIsRefusedWithHowToRelayBothWays() throws {
        let peer = #""kind":"multicast-peer","interface":"lo","enabled":false"#
        try service.mustCreate(
            #"\#(peer),"name":"a","group":"239.255.8.1","port":9,"forward":[{"session":"b"}]"#
        )
        let refused = try service.create(
            #"\#(peer),"name":"b","group":"239.255.8.2","port":9,"forward":[{"session":"a"}]"#
        )
        let detail = try refused.json["detail"]?.string ?? ""
        #expect(detail.contains("b → a → b; to relay both ways, make two sessions"))
        // Of a longer circle, or of a session that forwards to itself, it would be no help.
        let own = #"\#(peer),"name":"c","group":"239.255.8.2","port":9,"forward":[{"session":"c"}]"#
        #expect(try service.create(own).json["detail"]?.string?.contains("both ways") == false)
    }

    @Test func aSessionDoesNotForwardToItself() throws {
        let refused = try service.create(sender("a", to: "a"))
        #expect(refused.status == .conflict)
        #expect(try refused.json["detail"]?.string?.hasSuffix("a → a") == true)
    }

    @Test func aTargetThatOnlyReceivesIsRefused() throws {
        let receiver = #""name":"in","kind":"multicast-receiver","group":"239.255.8.2","port":9"#
        try service.mustCreate(receiver + #","enabled":false"#)
        let refused = try service.create(sender("a", to: "b", "in"))
        #expect(refused.status == .conflict)
        #expect(try refused.json["code"]?.string == "cannot-send")
        #expect(
            try refused.json["errors"]?.elements.map { $0["pointer"]?.string } == ["/forward/1"]
        )
        // In a set, too, and what the set makes counts.
        let other = receiver.replacing(#""in""#, with: #""out""#) + #","enabled":false"#
        #expect(
            try results(apply(sender("a", to: "out"), other))
                == ["a failed cannot-send", "out created"]
        )
    }

    @Test func aSetIsLookedAtAsAWholeWhateverItsOrder() throws {
        let items = [sender("a", to: "b"), sender("b", to: "a"), sender("c", to: "a")]
        let failed = ["a failed forward-loop", "b failed forward-loop", "c created"]
        #expect(try results(apply(items[0], items[1], items[2], query: "dryRun=true")) == failed)
        #expect(
            try results(apply(items[2], items[1], items[0]))
                == ["c created", "b failed forward-loop", "a failed forward-loop"]
        )
        let atomic = try apply(items[2], items[1], items[0], query: "atomic=true")
        #expect(atomic.status == .conflict)
        #expect(try atomic.json["code"]?.string == "forward-loop")
        #expect(
            try atomic.json["errors"]?.elements.map { $0["pointer"]?.string }
                == ["/items/1/forward/0"]
        )
    }

    /// Each order has a moment at which a circle would be closed, were the set not one write.
    @Test(arguments: ["", "atomic=true"]) func aChainIsTurnedRoundByOneSet(query: String) throws {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let service = try Service(store: MemoryStore())
            try service.mustCreate(sender("a", to: "b"))
            try service.mustCreate(sender("b", to: "c"))
            try service.mustCreate(sender("c"))
            let items = [sender("a"), sender("b", to: "a"), sender("c", to: "b")]
            let body = order.map { "{\(items[$0])}" }.joined(separator: ",")
            let answer = try service.post("/v1/apply?\(query)", #"{"items":[\#(body)]}"#)
            #expect(try Set(results(answer)) == ["a updated", "b updated", "c updated"])
        }
    }

    @Test func whatIsDeletedByTheSetClosesNoCircle() throws {
        try service.mustCreate(sender("a", to: "b") + #","labels":{"old":"1"}"#)
        #expect(
            try results(apply(sender("b", to: "a"), query: "prune=true&selector=old%3D1"))
                == ["b created", "a deleted"]
        )
    }

    /// What is refused stays as it was, and that can close another circle.
    @Test func whatStaysAsItWasCountsToo() throws {
        try service.mustCreate(sender("a", to: "c"))
        #expect(
            try results(apply(sender("a", to: "b"), sender("b", to: "a"), sender("c", to: "a")))
                == ["a failed forward-loop", "b failed forward-loop", "c failed forward-loop"]
        )
        // Here a is not changed for another reason, and c finds that out.
        try service.mustCreate(loopbackSender("holder", localPort: 0))
        let holder = try service.get("/v1/sessions/holder").json
        let port = try #require(holder["status"]?["localAddress"]?["port"]?.integer)
        let taken = loopbackSender("a", localPort: port) + #","forward":[{"session":"b"}]"#
        #expect(
            try results(apply(taken, sender("c", to: "a"), sender("d", to: "a")))
                == ["a failed address-in-use", "c failed forward-loop", "d created"]
        )
    }

    @Test func whoeverIsUnchangedInACircleIsNotToBlame() throws {
        try service.mustCreate(sender("a", to: "b"))
        #expect(
            try results(apply(sender("a", to: "b"), sender("b", to: "a")))
                == ["a unchanged", "b failed forward-loop"]
        )
    }

    @Test func aCircleFromTheStoreStopsOneSessionAndNotTheDaemon() throws {
        let store = MemoryStore()
        func stored(_ name: String, to target: String) throws {
            let text =
                loopbackSender(name, localPort: 0) + #","forward":[{"session":"\#(target)"}]"#
            let definition = try decode("{\(text)}")
            let session = ManagedSession(creating: definition, origin: .api)
            try store.write([.insert(StoredSession(session, definition))])
        }
        try stored("a", to: "b")
        try stored("b", to: "a")
        let service = try Service(store: store)
        let states = try service.get("/v1/sessions").json["items"]?.elements.map {
            $0["status"]?["state"]?.string
        }
        #expect(states == ["running", "failed"])
        let status = try service.get("/v1/sessions/b").json["status"]
        #expect(status?["reason"]?["code"]?.string == "forward-loop")
        // Whoever breaks the circle lets it run.
        let patch = #"{"forward":[]}"#
        let patched = try service.request(
            .patch,
            "/v1/sessions/a",
            Array(patch.utf8),
            contentType: "application/merge-patch+json"
        )
        #expect(patched.status == .ok)
        let name = try #require(SessionName("b"))
        let session = try #require(service.registry.session(name))
        service.registry.tryToStart(session)
        #expect(session.status.state == .running)
    }

    @Test func aConfigurationFileHasNoCircleInItself() throws {
        var options = ServiceOptions()
        let items = [sender("a", to: "b"), sender("b", to: "a"), sender("c", to: "a")]
        options.configuredSessions = try items.map { try JSONValue(parsing: Array("{\($0)}".utf8)) }
        #expect(
            options.configuredSessionFaults().map(\.pointer) == ["/0/forward/0", "/1/forward/0"]
        )
        options.configuredSessions.removeFirst()
        #expect(options.configuredSessionFaults().isEmpty)
    }

    @Test func aReloadTurnsAChainRound() throws {
        let registry = service.registry
        func definition(_ text: String) throws -> SessionDefinition { try decode("{\(text)}") }
        registry.reload(configured: try [sender("a"), sender("b", to: "a")].map(definition))
        registry.reload(configured: try [sender("a", to: "b"), sender("b")].map(definition))
        let shown = registry.snapshot().sessions.map { $0.definition?.targetSessions.first }
        #expect(shown == [SessionName("b"), nil])
    }
}
