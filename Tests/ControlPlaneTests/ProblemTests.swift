import Glibc
import HTTPHosting
import HTTPTypes
import RelayEngine
import RelayModel
import Testing

@testable import ControlPlane

/// Every problem that a request can meet without a socket, and that nothing is left of a refusal.
@Suite struct ProblemTests {
    let service: Service

    init() throws { service = try Service(store: MemoryStore()) }

    private static let disabled = #""kind":"broadcast","port":9,"enabled":false"#

    private func expect(
        _ response: Response,
        _ status: HTTPResponse.Status,
        _ code: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(response.status == status, "\(response.text)", sourceLocation: sourceLocation)
        #expect(try response.problemCode == code, sourceLocation: sourceLocation)
        #expect(response.fields[.cacheControl] == "no-store", sourceLocation: sourceLocation)
    }

    // MARK: - Before any resource

    @Test(arguments: [
        "/", "/v1", "/v1/", "/v1/sessions/", "/v1/sessions/a/", "/v2/sessions", "/V1/sessions",
        "/v1/sessions/a/b",
        "/v1//sessions", "/metrics/x", "/v1/sessions/a/counters/",
    ])
    func anUnknownPathIsNoRoute(target: String) throws {
        try expect(service.get(target), .notFound, "no-such-route")
    }

    @Test(arguments: [
        ("PUT", "/v1/sessions", "DELETE, GET, HEAD, POST"),
        ("POST", "/v1/sessions/a", "DELETE, GET, HEAD, PATCH, PUT"),
        ("PATCH", "/v1/apply", "POST"), ("DELETE", "/v1/export", "GET, HEAD"),
        ("GET", "/v1/sessions/a/datagrams", "POST"),
        ("DELETE", "/v1/sessions/a/packets", "GET, HEAD"), ("OPTIONS", "/livez", "GET, HEAD"),
    ])
    func anotherMethodIsNotAllowed(method: String, target: String, allow: String) throws {
        let response = try service.request(try #require(HTTPRequest.Method(method)), target)
        try expect(response, .methodNotAllowed, "method-not-allowed")
        #expect(response.fields[.allow] == allow)
    }

    @Test func anUnknownMethodIsNotImplemented() throws {
        let response = try service.request(try #require(HTTPRequest.Method("BREW")), "/v1/sessions")
        try expect(response, .notImplemented, "not-implemented")
    }

    @Test(arguments: ["text/plain", "application/jsonx", "application/x-www-form-urlencoded", nil])
    func anotherMediaTypeIsUnsupported(contentType: String?) throws {
        let body = Array("{\(Self.disabled)}".utf8)
        let response = try service.request(.post, "/v1/sessions", body, contentType: contentType)
        try expect(response, .unsupportedMediaType, "unsupported-media-type")
        #expect(try service.get("/v1/sessions").json["total"]?.integer == 0)
    }

    @Test(arguments: ["application/json", "Application/JSON", "application/json; charset=utf-8"])
    func aMediaTypeMayHaveParameters(contentType: String) throws {
        let body = Array("{\(Self.disabled)}".utf8)
        let response = try service.request(.post, "/v1/sessions", body, contentType: contentType)
        #expect(response.status == .created)
    }

    @Test func aBodyIsChecked() throws {
        try expect(service.post("/v1/sessions", "{"), .badRequest, "invalid-json")
        try expect(service.post("/v1/sessions", ""), .badRequest, "invalid-json")
        try expect(service.post("/v1/sessions", "[]"), .badRequest, "invalid-field")
        try expect(service.create(#"\#(Self.disabled),"x":1"#), .badRequest, "unknown-field")
        try expect(service.create(#""kind":"broadcast""#), .badRequest, "missing-field")
        #expect(try service.get("/v1/sessions").json["total"]?.integer == 0)
    }

    @Test(arguments: ["a", "A", "..", "%20", "a%2Fb", "%E2%84%AA"])
    func aSessionThatIsNotThereIsNotFound(name: String) throws {
        let path = "/v1/sessions/\(name)"
        try expect(service.get(path), .notFound, "session-not-found")
        try expect(service.delete(name), .notFound, "session-not-found")
        try expect(service.get("\(path)/counters"), .notFound, "session-not-found")
        try expect(service.get("\(path)/packets"), .notFound, "session-not-found")
        try expect(
            service.post("\(path)/datagrams", #"{"text":""}"#),
            .notFound,
            "session-not-found"
        )
    }

    @Test(arguments: ["/v1/sessions/%00", "/v1/sessions/%", "/v1/sessions/%FF"])
    func aPathThatCannotBeDecodedIsBadFraming(target: String) throws {
        let problem = #expect(throws: Problem.self) { try service.get(target) }
        #expect(problem?.code == "bad-framing")
    }

    // MARK: - Conflicts

    @Test func aNameIsInUseOnce() throws {
        let first = try service.mustCreate(#""name":"a",\#(Self.disabled)"#)
        let response = try service.create(#""name":"a",\#(Self.disabled)"#)
        try expect(response, .conflict, "name-in-use")
        #expect(try response.json["errors"]?.elements.first?["pointer"]?.string == "/name")
        #expect(try service.get("/v1/sessions/a").json["id"] == first["id"])
    }

    @Test func anAddressInUseNamesItsHolder() throws {
        let port = try service.freePort()
        try service.mustCreate(loopbackSender("holder", localPort: port))
        let response = try service.create(loopbackSender("late", localPort: port))
        try expect(response, .conflict, "address-in-use")
        let problem = try response.json
        #expect(problem["errno"]?.string == "EADDRINUSE")
        #expect(problem["errors"]?.elements.first?["pointer"]?.string == "/localPort")
        #expect(problem["detail"]?.string?.contains("held by session holder") == true)
        #expect(try service.get("/v1/sessions/late").status == .notFound)
        let other = try Service(store: MemoryStore())
        let foreign = try other.create(loopbackSender("late", localPort: port))
        #expect(try foreign.json["detail"]?.string?.contains("held by another program") == true)
    }

    @Test(arguments: ["nope0", "192.0.2.77", "2001:db8::77"])
    func anInterfaceThatIsNotThereIsUnavailable(interface: String) throws {
        let response = try service.create(
            #""kind":"multicast-peer","group":"239.255.8.2","port":9,"interface":"\#(interface)""#
        )
        try expect(response, .conflict, "interface-unavailable")
        let problem = try response.json
        #expect(problem["errors"]?.elements.first?["pointer"]?.string == "/interface")
        #expect(problem["errno"]?.string == "ENODEV")
        #expect(problem["detail"]?.string?.contains(interface) == true)
        #expect(try service.get("/v1/sessions").json["total"]?.integer == 0)
    }

    @Test func aReceiverCannotSend() throws {
        try service.mustCreate(
            #""name":"r",\#(Minimal.receiver),"enabled":false"#
        )
        try service.mustCreate(
            #""name":"b","kind":"broadcast","role":"receiver","port":9,"enabled":false"#
        )
        for name in ["r", "b"] {
            try expect(
                service.post("/v1/sessions/\(name)/datagrams", #"{"text":""}"#),
                .conflict,
                "cannot-send"
            )
        }
    }

    @Test func aDatagramIsNoLongerThanUDPCarries() throws {
        try service.mustCreate(loopbackSender("s", localPort: 0))
        func post(_ count: Int) throws -> Response {
            try service.request(
                .post,
                "/v1/sessions/s/datagrams",
                Array(repeating: 7, count: count),
                contentType: "application/octet-stream"
            )
        }
        try expect(post(65_508), .conflict, "datagram-too-large")
        let sent = try post(65_507)
        #expect(sent.status == .ok)
        #expect(try sent.json["items"]?.elements.map { $0["length"]?.integer } == [65_507])
        #expect(
            try service.get("/v1/sessions/s/counters").json["sent"]?["bytes"]?.integer == 65_507
        )
    }

    // MARK: - Limits

    @Test func sessionsAreLimited() throws {
        let service = try Service(store: MemoryStore(), sessionsMax: 2)
        for name in ["a", "b"] { try service.mustCreate(#""name":"\#(name)",\#(Self.disabled)"#) }
        try expect(
            service.create(#""name":"c",\#(Self.disabled)"#),
            .conflict,
            "session-limit-reached"
        )
        #expect(try service.delete("a").status == .noContent)
        try service.mustCreate(#""name":"c",\#(Self.disabled)"#)
    }

    @Test func descriptorsAreLimited() throws {
        let service = try Service(store: MemoryStore(), descriptorCeiling: 3)
        let response = try service.create(loopbackSender("s", localPort: 0))
        try expect(response, .conflict, "session-limit-reached")
        #expect(try response.json["errno"]?.string == "EMFILE")
        // Not even one that would wait: waiting does not give back descriptors.
        let waiting = try service.create(
            #"\#(loopbackSender("s", localPort: 0)),"whenUnavailable":"wait""#
        )
        try expect(waiting, .conflict, "session-limit-reached")
        try service.mustCreate(#""name":"d",\#(Self.disabled)"#)
    }

    @Test func tooManyWritesAreRefusedAndReadsAreNot() throws {
        let service = try Service(store: MemoryStore(), writesMax: 0)
        let response = try service.create(Self.disabled)
        try expect(response, .serviceUnavailable, "overloaded")
        #expect(response.fields[.retryAfter] == "1")
        #expect(try service.get("/v1/sessions").json["total"]?.integer == 0)
    }

    @Test func aDrainingDaemonReadsButDoesNotWrite() throws {
        try service.mustCreate(loopbackSender("s", localPort: 0))
        service.api.beginDraining()
        try expect(service.get("/readyz"), .serviceUnavailable, "draining")
        try expect(service.create(Self.disabled), .serviceUnavailable, "draining")
        try expect(service.delete("s"), .serviceUnavailable, "draining")
        try expect(
            service.post("/v1/sessions/s/datagrams", #"{"text":""}"#),
            .serviceUnavailable,
            "draining"
        )
        #expect(try service.get("/readyz").fields[.retryAfter] == "1")
        for target in [
            "/livez", "/v1/sessions", "/v1/sessions/s", "/v1/sessions/s/packets?wait=30",
        ] {
            #expect(try service.get(target).status == .ok)
        }
    }

    // MARK: - Where nothing works: a network namespace of one's own

    /// In a new namespace the loopback interface is down and there is no route.
    @Test(.enabled(if: NetworkNamespace.canBeEntered)) func withoutARouteTheNetworkIsUnreachable()
        async
    {
        await #expect(processExitsWith: .success) {
            try NetworkNamespace.enterNew()
            let service = try Service(store: MemoryStore())
            func create(_ members: String) throws -> JSONValue {
                try service.create(#""port":5004,\#(members)"#).json
            }
            let unrouted = try create(#""kind":"multicast-peer","group":"239.255.8.4""#)
            #expect(unrouted["code"]?.string == "network-unreachable")
            #expect(unrouted["errno"]?.string == "ENETUNREACH")
            let down = try create(
                #""kind":"multicast-peer","group":"239.255.8.4","interface":"lo""#
            )
            #expect(down["code"]?.string == "interface-unavailable")
            #expect(down["errno"]?.string == "ENETDOWN")
            let waiting = try create(
                #""kind":"multicast-peer","group":"239.255.8.4","whenUnavailable":"wait""#
            )
            #expect(waiting["status"]?["state"]?.string == "waiting")
            #expect(waiting["status"]?["reason"]?["code"]?.string == "network-unreachable")
            let receiver = try create(#""kind":"broadcast","role":"receiver""#)
            #expect(receiver["status"]?["state"]?.string == "running")
            #expect(receiver["status"]?["interface"] == nil)
        }
    }

    @Test(.enabled(if: NetworkNamespace.canBeEntered)) func aPrivilegedPortNeedsPermission() async {
        await #expect(processExitsWith: .success) {
            // A namespace of its own, because there the border is 1024 again.
            try NetworkNamespace.enterNew()
            #expect(setuid(65_534) == 0)
            let service = try Service(store: MemoryStore())
            let response = try service.create(#""kind":"broadcast","role":"receiver","port":80"#)
            #expect(response.status == .conflict)
            #expect(try response.problemCode == "permission-denied")
            #expect(try response.json["errno"]?.string == "EACCES")
        }
    }
}
