import Testing

@testable import HTTPHosting

@Suite struct CrossOriginTests {
    private let friend = "Origin: https://dash.example:8443\r\nSec-Fetch-Site: cross-site\r\n"

    private func withOrigins(
        _ origins: Set<String> = ["https://dash.example:8443", "null"],
        gate: Gate? = nil,
        _ body: (HTTPListener) throws -> Void
    ) throws {
        let configuration = local { configuration in
            configuration.allowedOrigins = origins
            configuration.gate = gate
        }
        try withListener(sampleRoutes, configuration, body: body)
    }

    private func expectReadable(_ response: TestResponse) {
        #expect(response.fields["access-control-allow-origin"] == "https://dash.example:8443")
        #expect(response.fields["vary"] == "Origin")
        let exposed = response.fields["access-control-expose-headers"]
        #expect(exposed?.contains("ETag, Idempotency-Replayed, Location, Request-Id") == true)
        #expect(response.fields["access-control-allow-credentials"] == nil)
    }

    private func expectUnreadable(_ response: TestResponse) {
        #expect(response.status == 403 && response.code == "origin-not-allowed")
        #expect(response.fields["access-control-allow-origin"] == nil)
        #expect(response.fields["vary"] == "Origin")
    }

    @Test func pagesOfAnAllowedOriginReadResponsesAndProblems() throws {
        try withOrigins { listener in
            let client = try TestClient(listener.boundAddress)
            for (path, status) in [("/hello", 200), ("/nothing", 404), ("/fails", 409)] {
                let response = try client.get(path, fields: friend)
                #expect(response.status == status)
                expectReadable(response)
            }
            let deferred = try client.get("/later", fields: friend)
            expectReadable(deferred)
        }
    }

    @Test func pagesOfAnAllowedOriginReadTheGatesRefusals() throws {
        let gate: Gate = { _, _ in
            let problem = Problem(status: .unauthorized, code: "no", title: "No", detail: "No.")
            return .refuse(problem, delayMilliseconds: 0)
        }
        try withOrigins(gate: gate) { listener in
            let response = try TestClient(listener.boundAddress).get("/hello", fields: friend)
            #expect(response.status == 401)
            expectReadable(response)
        }
    }

    @Test(arguments: [
        "Origin: https://dash.example", "Origin: http://dash.example:8443",
        "Origin: https://dash.example:8443.evil.example", "Origin: https://dash.example:84430",
        "Origin: https://evil.example", "Origin: null", "Origin: ", "Origin: *",
        "Origin: https://dash.example:8443\r\nOrigin: https://dash.example:8443",
        "Origin: https://dash.example:8443, https://evil.example",
        "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site",
        "Origin: https://dash.example:8443\r\nSec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site",
    ])
    func everyOtherOriginIsRefused(fields: String) throws {
        try withOrigins { listener in
            let response = try TestClient(listener.boundAddress)
                .get("/hello", fields: fields + "\r\n")
            expectUnreadable(response)
        }
    }

    @Test func whatIsNoPageIsServedWithoutAnOrigin() throws {
        try withOrigins { listener in
            let response = try TestClient(listener.boundAddress).get("/hello")
            #expect(response.status == 200 && response.fields["vary"] == "Origin")
            #expect(response.fields["access-control-allow-origin"] == nil)
        }
        try withListener { listener in
            let response = try TestClient(listener.boundAddress).get("/hello")
            #expect(response.status == 200 && response.fields["vary"] == nil)
        }
    }

    @Test func preflightIsAnsweredWithoutTheGate() throws {
        let gate: Gate = { _, _ in
            let problem = Problem(status: .unauthorized, code: "no", title: "No", detail: "No.")
            return .refuse(problem, delayMilliseconds: 0)
        }
        try withOrigins(gate: gate) { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("OPTIONS /items/x HTTP/1.1\r\nHost: localhost\r\n\(friend)")
            client.send("Access-Control-Request-Method: PUT\r\n")
            client.send("Access-Control-Request-Headers: authorization\r\n\r\n")
            let response = try client.response()
            #expect(response.status == 204)
            expectReadable(response)
            #expect(response.fields["access-control-allow-methods"] == "GET, HEAD, PUT")
            let allowed = response.fields["access-control-allow-headers"] ?? ""
            for name in ["Authorization", "Content-Type", "If-Match", "Idempotency-Key"] {
                #expect(allowed.contains(name))
            }
            #expect(response.fields["access-control-max-age"] == "600")
        }
    }

    @Test(arguments: [
        ("/items/x", "Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n", 403),
        ("/items/x", "Access-Control-Request-Method: PUT\r\n", 405),
        ("/items/x", "Origin: https://dash.example:8443\r\n", 405),
        (
            "/nothing",
            "Origin: https://dash.example:8443\r\nAccess-Control-Request-Method: PUT\r\n", 404
        ),
    ])
    func whatIsNoAllowedPreflightIsAnOrdinaryRequest(
        path: String,
        fields: String,
        status: Int
    ) throws {
        try withOrigins { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("OPTIONS \(path) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n")
            let response = try client.response()
            #expect(response.status == status)
            #expect(response.fields["access-control-allow-methods"] == nil)
        }
    }

    @Test func streamsAreReadableToo() throws {
        let streams = TestStreams()
        let allowing = local { $0.allowedOrigins = ["https://dash.example:8443"] }
        try withListener([streams.route], allowing) { listener in
            let client = try TestClient(listener.boundAddress)
            expectReadable(try client.get("/stream", fields: friend))
        }
    }

    @Test(arguments: [
        ("https://a.example", true), ("http://localhost:3000", true), ("http://[::1]:1", true),
        ("null", false), ("*", false), ("https://a.example/", false), ("https://A.example", false),
        ("a.example", false), ("ftp://a.example", false), ("https://", false),
        ("https://a.example:", false), ("https://a.example:x", false), ("https://*.a", false),
        ("https://u@a.example", false), ("", false),
    ])
    func originsAreExact(text: String, isOrigin: Bool) {
        #expect(ListenerConfiguration.isOrigin(text) == isOrigin)
    }
}
