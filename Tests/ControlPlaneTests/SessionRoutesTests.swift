import HTTPHosting
import HTTPTypes
import RelayModel
import Testing

@testable import ControlPlane

/// Creating, reading, listing and deleting sessions.
@Suite struct SessionRoutesTests {
    let directory: TemporaryDirectory
    let service: Service

    init() throws {
        directory = try TemporaryDirectory()
        service = try Service(in: directory)
    }

    @Test func aCreatedSessionRunsAndIsShown() throws {
        let port = try service.freePort()
        let response = try service.create(
            #""name":"cam1","kind":"multicast-receiver","group":"239.255.7.1","#
                + #""port":\#(port),"interface":"lo""#
        )
        #expect(response.status == .created)
        #expect(response.fields[.location] == "/v1/sessions/cam1")
        #expect(response.fields[.cacheControl] == "no-store")
        let created = try response.json
        #expect(created["status"]?["state"]?.string == "running")
        #expect(created["status"]?["interface"]?["name"]?.string == "lo")
        #expect(created["status"]?["localAddress"]?["port"]?.integer == port)
        #expect(created["status"]?["reason"] == nil)
        #expect(created["origin"]?.string == "api" && created["generation"]?.integer == 1)
        let id = try #require(created["id"]?.string)
        #expect(response.fields[.eTag] == "\"\(id)-1\"")
        let read = try service.get("/v1/sessions/cam1")
        #expect(read.status == .ok)
        #expect(read.body == response.body)
        #expect(read.fields[.eTag] == response.fields[.eTag])
    }

    @Test(arguments: [
        #""kind":"multicast-sender","group":"239.255.7.2""#,
        #""kind":"multicast-receiver","group":"239.255.7.2""#,
        #""kind":"multicast-peer","group":"239.255.7.2""#,
        #""kind":"broadcast","role":"sender","address":"127.255.255.255""#,
        #""kind":"broadcast","role":"receiver""#,
        #""kind":"broadcast","role":"peer","address":"127.255.255.255""#,
    ])
    func everyKindRunsAndWhatIsShownCanBePostedAgain(members: String) throws {
        let port = try service.freePort()
        let created = try service.mustCreate(#"\#(members),"port":\#(port),"interface":"lo""#)
        #expect(created["status"]?["state"]?.string == "running", "\(created)")
        let name = try #require(created["name"]?.string)
        #expect(name.hasPrefix(try #require(created["kind"]?.string)))
        let shown = try service.get("/v1/sessions/\(name)?include=counters")
        #expect(try service.delete(name).status == .noContent)
        let again = try service.post("/v1/sessions", shown.text)
        #expect(again.status == .created, "\(again.text)")
        for key in try shown.json.keys.subtracting([
            "id", "createdAt", "updatedAt", "status", "counters",
        ]) {
            #expect(try again.json[key] == shown.json[key], "\(key)")
        }
        #expect(try again.json["id"] != shown.json["id"])
    }

    @Test func aDeletedSessionIsGoneAndItsPortIsFree() throws {
        let port = try service.freePort()
        let members =
            loopbackSender("s", localPort: port)
        for _ in 0..<3 {
            try service.mustCreate(members)
            #expect(try service.delete("s").status == .noContent)
            #expect(try service.get("/v1/sessions/s").problemCode == "session-not-found")
            #expect(try service.delete("s").problemCode == "session-not-found")
        }
        #expect(try service.get("/v1/sessions").json["total"]?.integer == 0)
        #expect(try service.store.all().isEmpty)
    }

    @Test func headIsAnsweredLikeGet() throws {
        try service.mustCreate(#""name":"h","kind":"broadcast","port":9,"enabled":false"#)
        let head = try service.request(.head, "/v1/sessions/h")
        let get = try service.get("/v1/sessions/h")
        #expect(head.status == .ok)
        #expect(head.fields == get.fields && head.body == get.body)
    }

    @Test func aDisabledSessionHasNoSocket() throws {
        let port = try service.freePort()
        func members(_ name: String) -> String { loopbackSender(name, localPort: port) }
        let session = try service.mustCreate(#"\#(members("off")),"enabled":false"#)
        #expect(session["status"]?.keys == ["state", "since", "reason"])
        #expect(session["status"]?["reason"]?["code"]?.string == "disabled")
        #expect(session["status"]?["state"]?.string == "disabled")
        try service.mustCreate(members("on"))
        let send = try service.post("/v1/sessions/off/datagrams", #"{"text":"x"}"#)
        #expect(send.status == .conflict)
        #expect(try send.problemCode == "session-not-running")
        #expect(try service.get("/v1/sessions/off/counters").status == .ok)
        #expect(try service.get("/v1/sessions/off/packets").json["items"]?.elements.isEmpty == true)
    }

    // MARK: - Lists

    private func fill(
        _ names: [String],
        _ members: String = #""kind":"broadcast","port":9,"enabled":false,"persist":false"#
    ) throws {
        for name in names { try service.mustCreate(#""name":"\#(name)",\#(members)"#) }
    }

    private func names(_ list: JSONValue) -> [String] {
        list["items"]?.elements.compactMap { $0["name"]?.string } ?? []
    }

    @Test(arguments: [1, 7, 24, 25, 26, 1000]) func pagesTogetherAreTheList(limit: Int) throws {
        let expected = (0..<25).map { "s-\($0)" }.sorted()
        try fill(expected.shuffled())
        var found: [String] = []
        var token: String?
        var pages = 0
        repeat {
            let next = token.map { "&pageToken=\($0)" } ?? ""
            let page = try service.get("/v1/sessions?limit=\(limit)\(next)").json
            #expect(page["total"]?.integer == 25)
            #expect(names(page).count <= limit && !names(page).isEmpty)
            found += names(page)
            token = page["nextPageToken"]?.string
            pages += 1
        } while token != nil && pages < 100
        #expect(found == expected)
        #expect(pages == (25 + limit - 1) / limit)
    }

    @Test func aPageHasAHundredSessionsUnlessAsked() throws {
        try fill((0..<101).map { "s-\($0)" })
        let page = try service.get("/v1/sessions").json
        #expect(names(page).count == 100)
        #expect(page["nextPageToken"]?.string == names(page).last)
    }

    @Test func sessionsThatComeAndGoBetweenPagesChangeNoOtherPage() throws {
        try fill(["b", "d", "f", "h"])
        let first = try service.get("/v1/sessions?limit=2").json
        #expect(names(first) == ["b", "d"])
        #expect(try service.delete("d").status == .noContent)
        try fill(["a", "c", "e"])
        let second = try service.get("/v1/sessions?limit=9&pageToken=d").json
        #expect(names(second) == ["e", "f", "h"])
        #expect(second["nextPageToken"] == nil)
    }

    @Test func aListIsFilteredByKindStateAndPrefix() throws {
        try fill(["cam-1", "cam-2", "mic-1"])
        try fill(
            ["cam-3"],
            #""kind":"multicast-peer","group":"239.255.7.4","port":9,"enabled":false"#
        )
        let port = try service.freePort()
        try fill(
            ["cam-4"],
            #""kind":"multicast-receiver","group":"239.255.7.4","port":\#(port),"interface":"lo""#
        )
        func list(_ query: String) throws -> [String] {
            let list = try service.get("/v1/sessions?\(query)").json
            #expect(list["total"]?.integer == names(list).count)
            return names(list)
        }
        #expect(try list("kind=broadcast") == ["cam-1", "cam-2", "mic-1"])
        #expect(try list("state=running") == ["cam-4"])
        #expect(try list("state=disabled&namePrefix=cam") == ["cam-1", "cam-2", "cam-3"])
        #expect(try list("namePrefix=cam-1") == ["cam-1"])
        #expect(try list("namePrefix=cam-11") == [])
        #expect(try list("kind=broadcast&namePrefix=mic&state=disabled") == ["mic-1"])
        #expect(try list("state=waiting") == [])
        // As long as a name can be, though no name ends like this.
        #expect(try list("namePrefix=cam" + String(repeating: "-", count: 60)) == [])
        let page = try service.get("/v1/sessions?namePrefix=cam&limit=1&pageToken=cam-2").json
        #expect(names(page) == ["cam-3"])
        #expect(page["total"]?.integer == 4)
        #expect(page["nextPageToken"]?.string == "cam-3")
    }

    @Test func countersAreIncludedWhenAsked() throws {
        try fill(["a", "b"])
        let plain = try service.get("/v1/sessions").json
        #expect(plain["items"]?.elements.allSatisfy { $0["counters"] == nil } == true)
        let full = try service.get("/v1/sessions?include=counters").json
        let alone = try service.get("/v1/sessions/a/counters").json
        #expect(full["items"]?.elements.map { $0["counters"]?.keys } == [alone.keys, alone.keys])
        #expect(
            try service.get("/v1/sessions/a?include=counters").json["counters"]?.keys == alone.keys
        )
    }

    @Test(arguments: [
        "/v1/sessions?limit=0", "/v1/sessions?limit=1001", "/v1/sessions?limit=x",
        "/v1/sessions?pageToken=",
        "/v1/sessions?pageToken=A", "/v1/sessions?kind=multicast", "/v1/sessions?state=Running",
        "/v1/sessions?include=packets", "/v1/sessions?include=", "/v1/sessions?namePrefix=",
        "/v1/sessions?namePrefix=A", "/v1/sessions?namePrefix=-", "/v1/sessions?namePrefix=a%20",
        "/v1/sessions?namePrefix=0123456789012345678901234567890123456789012345678901234567890123",
        "/v1/sessions?order=name", "/v1/sessions?limit=1&limit=1", "/v1/sessions/a?x=1",
        "/v1/sessions/a?include=all", "/v1/sessions/a/counters?x", "/v1/sessions/a/packets?limit=0",
        "/v1/sessions/a/packets?limit=1001", "/v1/sessions/a/packets?wait=31",
        "/v1/sessions/a/packets?wait=-1",
        "/v1/sessions/a/packets?wait=1.5", "/v1/sessions/a/packets?after=-1",
        "/v1/sessions/a/packets?after=9223372036854775808", "/v1/sessions/a/packets?direction=both",
        "/v1/sessions/a/packets?payload=raw", "/v1/sessions/a/packets?payload=", "/v1/server?x=1",
        "/v1/interfaces?x=1", "/livez?x=1", "/readyz?x=1", "/openapi.yaml?x=1",
    ])
    func aQueryThatTheContractDoesNotKnowIsRefused(target: String) throws {
        try fill(["a"])
        let response = try service.get(target)
        #expect(response.status == .badRequest)
        #expect(try response.problemCode == "invalid-query")
    }

    @Test func writesTakeNoQuery() throws {
        try fill(["a"])
        let body = #"{"kind":"broadcast","port":9,"enabled":false}"#
        #expect(try service.post("/v1/sessions?x=1", body).problemCode == "invalid-query")
        #expect(
            try service.post("/v1/sessions/a/datagrams?x=1", #"{"text":""}"#).problemCode
                == "invalid-query"
        )
        #expect(try service.request(.delete, "/v1/sessions/a?x=1").problemCode == "invalid-query")
        #expect(try service.get("/v1/sessions").json["total"]?.integer == 1)
    }

    // MARK: - The daemon and the host

    @Test func theServerDescribesItself() throws {
        try fill(["a", "b"])
        let server = try service.get("/v1/server").json
        #expect(server["version"]?.string == ServiceOptions.version)
        #expect(server["hostname"]?.string == "test-host")
        #expect(server["sessions"]?["total"]?.integer == 2)
        #expect(server["limits"]?["sessionsMax"]?.integer == 10_000)
        #expect(server["limits"]?["datagramBytesMax"]?.integer == 65_507)
        #expect(server["pid"]?.integer != nil && server["startedAt"]?.string != nil)
    }

    @Test func theLoopbackInterfaceIsListed() throws {
        let list = try service.get("/v1/interfaces").json
        #expect(list["total"]?.integer == list["items"]?.elements.count)
        let loopback = try #require(list["items"]?.elements.first { $0["name"]?.string == "lo" })
        #expect(loopback["loopback"] == .boolean(true))
        #expect(loopback["up"] == .boolean(true))
        let addresses = loopback["addresses"]?.elements.compactMap { $0["address"]?.string }
        #expect(addresses?.contains("127.0.0.1") == true)
    }

    @Test func theDaemonIsAliveAndReady() throws {
        for target in ["/livez", "/readyz"] {
            let response = try service.get(target)
            #expect(response.status == .ok)
            #expect(response.text == #"{"status":"ok"}"#)
        }
    }
}
