import HTTPHosting
import HTTPTypes
import RelayModel
import Testing

@testable import ControlPlane

/// What sessions are warned of, and what watchers and metrics say of it.
@Suite struct WarningTests {
    let service: Service

    init() throws { service = try Service(store: MemoryStore()) }

    /// A session that accepts unicast on a port, unless `accept` says otherwise.
    private func receiver(_ name: String, _ port: Int, accept: String = "broadcast,unicast")
        -> String
    {
        let classes = accept.split(separator: ",").map { #""\#($0)""# }.joined(separator: ",")
        return #""name":"\#(name)","kind":"broadcast","role":"receiver","port":\#(port),"#
            + #""interface":"lo","accept":[\#(classes)]"#
    }

    private func warnings(_ name: String) throws -> [JSONValue] {
        try service.get("/v1/sessions/\(name)").json["status"]?["warnings"]?.elements ?? []
    }

    private func detail(_ name: String) throws -> String {
        let warnings = try warnings(name)
        #expect(warnings.count <= 1)
        return warnings.first?["detail"]?.string ?? ""
    }

    private func patch(_ name: String, _ members: String) throws {
        let response = try service.request(
            .patch,
            "/v1/sessions/\(name)",
            Array("{\(members)}".utf8),
            contentType: "application/merge-patch+json"
        )
        #expect(response.status == .ok, "\(response.text)")
    }

    /// Which session each `session.warning` was about since a revision, and what it said.
    private func told(after revision: Revision) throws -> [String] {
        guard case .events(let events) = service.registry.events.replay(after: revision) else {
            return ["gap"]
        }
        return try events.filter { $0.kind == .warning }.map { event in
            let lines = String(decoding: event.frame, as: UTF8.self).split(separator: "\n")
            let data = try #require(lines.first { $0.hasPrefix("data: ") }).dropFirst(6)
            let json = try JSONValue(parsing: Array(data.utf8))
            #expect(json.keys == ["revision", "name", "id", "code", "detail", "active"])
            #expect(json["revision"]?.string == event.revision.description)
            let active = if case .boolean(true)? = json["active"] { "begins" } else { "ends" }
            return "\(json["name"]?.string ?? "") \(json["code"]?.string ?? "") \(active)"
        }
    }

    @Test func aSessionHasNoMoreWarningsThanTheLimit() {
        // One of each code at most.
        #expect(SessionWarning.Code.allCases.count <= SessionWarning.countMax)
        #expect(SessionWarning.countMax == 8)
    }

    @Test func sessionsThatShareUnicastAreWarnedOfEachOther() throws {
        let port = try service.freePort()
        try service.mustCreate(receiver("first", port))
        #expect(try warnings("first") == [])
        let revision = service.registry.events.revision
        let made = try service.mustCreate(receiver("second", port))
        #expect(made["status"]?["warnings"]?.elements.count == 1)
        #expect(
            try detail("first").hasPrefix("session second gets all unicast to UDP port \(port)")
        )
        #expect(try detail("second").contains("session first none"))
        for name in ["first", "second"] {
            let warning = try #require(warnings(name).first)
            #expect(warning.keys == ["code", "detail", "since"])
            #expect(warning["code"]?.string == "unicast-shared")
        }
        #expect(
            try told(after: revision).sorted() == [
                "first unicast-shared begins", "second unicast-shared begins",
            ]
        )
        // They are no part of the definition.
        #expect(try service.get("/v1/sessions/first").json["generation"]?.integer == 1)
    }

    @Test func aWarningKeepsItsMomentWhileItLasts() throws {
        let port = try service.freePort()
        try service.mustCreate(receiver("a", port))
        try service.mustCreate(receiver("b", port))
        let since = try #require(warnings("a").first?["since"]?.string)
        let revision = service.registry.events.revision
        try patch("a", #""labels":{"x":"y"}"#)
        try service.mustCreate(receiver("c", port))
        service.registry.reviewWarnings()
        #expect(try warnings("a").first?["since"]?.string == since)
        #expect(try detail("a").hasPrefix("session c gets all unicast"))
        #expect(try detail("c").contains("and 1 more none"))
        #expect(try told(after: revision) == ["c unicast-shared begins"])
    }

    @Test(arguments: ["delete", "disable", "accept", "port"])
    func theWarningEndsWhenNoneIsLeftToShareWith(way: String) throws {
        let port = try service.freePort()
        try service.mustCreate(receiver("a", port))
        try service.mustCreate(receiver("b", port))
        #expect(try warnings("a").count == 1 && warnings("b").count == 1)
        let revision = service.registry.events.revision
        switch way {
        case "delete": #expect(try service.delete("a").status == .noContent)
        case "disable": try patch("a", #""enabled":false"#)
        case "accept": try patch("a", #""accept":["broadcast"]"#)
        default: try patch("a", #""port":\#(try service.freePort())"#)
        }
        #expect(try warnings("b") == [])
        let told = try told(after: revision)
        #expect(told.contains("b unicast-shared ends"))
        if way == "delete" { return #expect(told == ["b unicast-shared ends"]) }
        #expect(try warnings("a") == [])
        // A session that has another port is another incarnation, which begins without warnings.
        #expect(told.contains("a unicast-shared ends") == (way != "port"))
    }

    @Test func aSessionThatLosesItsUnicastToOneThatWantsNoneIsWarned() throws {
        let port = try service.freePort()
        try service.mustCreate(receiver("a", port))
        try service.mustCreate(receiver("b", port, accept: "broadcast"))
        #expect(try detail("a").contains("session b was opened last"))
        #expect(try warnings("b") == [])
        for enabled in [false, true] { try patch("a", #""enabled":\#(enabled)"#) }
        #expect(try warnings("a") == [] && warnings("b") == [])
    }

    @Test func whatSharesNoUnicastIsNotWarnedOf() throws {
        let (port, other) = (try service.freePort(), try service.freePort())
        try service.mustCreate(receiver("a", port, accept: "broadcast"))
        try service.mustCreate(receiver("b", port, accept: "broadcast"))
        try service.mustCreate(receiver("c", other))
        try service.mustCreate(receiver("off", other) + #","enabled":false"#)
        let peer = #""name":"six","kind":"multicast-peer","group":"ff12::8:1","interface":"lo","#
        _ = try service.create(peer + #""port":\#(other)"#)
        try service.mustCreate(loopbackSender("s", localPort: 0))
        service.registry.reviewWarnings()
        for name in ["a", "b", "c", "off", "s"] {
            #expect(try warnings(name) == [], "\(name)")
        }
    }

    @Test func whoeverMayNotKnowOfTheOtherIsNotTold() throws {
        let service = try Service(store: MemoryStore()) { _, other in other["team"] != "b" }
        let port = try service.freePort()
        try service.mustCreate(receiver("mine", port) + #","labels":{"team":"a"}"#)
        try service.mustCreate(receiver("theirs", port) + #","labels":{"team":"b"}"#)
        let mine = try service.get("/v1/sessions/mine").text
        #expect(mine.contains("another session gets all unicast") && !mine.contains("theirs"))
        #expect(try service.get("/v1/sessions/theirs").text.contains("session mine none"))
    }

    @Test func aWarningIsASeriesWhileItLasts() throws {
        let port = try service.freePort()
        try service.mustCreate(receiver("a", port))
        let series =
            #"relaycast_session_warnings{session="a",kind="broadcast",code="unicast-shared"} 1"#
        func scrape() throws -> String { try service.get("/metrics").text }
        #expect(try !scrape().contains("relaycast_session_warnings"))
        try service.mustCreate(receiver("b", port))
        #expect(try scrape().contains("\n\(series)\n"))
        #expect(try service.delete("b").status == .noContent)
        #expect(try !scrape().contains("relaycast_session_warnings"))
    }

    @Test func manyThatShareAPortAreLookedAtOnceASecond() throws {
        let port = try service.freePort()
        let count = SessionRegistry.sharersPerWriteMax
        for index in 0..<count { try service.mustCreate(receiver("r\(index)", port)) }
        #expect(try warnings("r\(count - 1)").count == 1)
        try service.mustCreate(receiver("last", port))
        #expect(try warnings("last") == [])
        service.registry.reviewWarnings()
        #expect(try detail("last").contains("and \(count - 1) more none"))
        #expect(try detail("r0").hasPrefix("session last gets all unicast"))
    }
}
