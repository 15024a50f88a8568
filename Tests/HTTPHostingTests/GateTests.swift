import HTTPTypes
import Testing

@testable import HTTPHosting

@Suite struct GateTests {
    private final class Someone: Principal {
        let id: String

        init(id: String) { self.id = id }
    }

    /// Asks for `Authorization: NAME`; one without is refused at once, `wrong` after 300 ms, and
    /// `reader` from what has a scope other than `read`.
    private static let gate: Gate = { request, route in
        guard let name = request.fields[.authorization] else {
            return .refuse(problem(.unauthorized, "unauthenticated"), delayMilliseconds: 0)
        }
        if name == "wrong" {
            return .refuse(problem(.unauthorized, "unauthenticated"), delayMilliseconds: 300)
        }
        if name == "reader", route?.scope ?? "read" != "read" {
            let refusal = problem(.forbidden, "forbidden-scope")
            return .refuse(refusal, delayMilliseconds: 0, principal: Someone(id: name))
        }
        return .admit(Someone(id: name))
    }

    private static let routes = [
        Route(.get, "/who", scope: "read") { request, _ throws(Problem) in
            .now(text(request.principal?.id ?? "nobody"))
        },
        Route(.post, "/write", consumes: ["text/plain"], scope: "write") {
            request,
            _ throws(Problem) in
            .now(text("\(request.body.count)"))
        },
    ]

    private static func problem(_ status: HTTPResponse.Status, _ code: String) -> Problem {
        Problem(status: status, code: code, title: "No", detail: "No.")
    }

    private func withGate(
        _ gate: @escaping Gate = GateTests.gate,
        onCompleted: @escaping @Sendable (RequestRecord) -> Void = { _ in },
        _ body: (HTTPListener) throws -> Void
    ) throws {
        try withListener(
            GateTests.routes,
            local { $0.gate = gate },
            onCompleted: onCompleted,
            body: body
        )
    }

    private func post(_ name: String, bytes: Int, sending: Int) -> String {
        "POST /write HTTP/1.1\r\nHost: localhost\r\nAuthorization: \(name)\r\n"
            + "Content-Type: text/plain\r\nContent-Length: \(bytes)\r\n\r\n"
            + String(repeating: "x", count: sending)
    }

    @Test func handlerSeesThePrincipal() throws {
        try withGate { listener in
            let client = try TestClient(listener.boundAddress)
            #expect(try client.get("/who", fields: "Authorization: ada\r\n").body == "ada")
            client.send("HEAD /who HTTP/1.1\r\nHost: localhost\r\nAuthorization: ada\r\n\r\n")
            #expect(try client.response(toHead: true).status == 200)
        }
    }

    @Test func withoutAGateThereIsNoPrincipal() throws {
        try withListener(GateTests.routes) { listener in
            let response = try TestClient(listener.boundAddress).get("/who")
            #expect(response.body == "nobody")
        }
    }

    @Test func refusalComesBeforeTheBody() throws {
        try withGate { listener in
            let client = try TestClient(listener.boundAddress)
            client.send(post("reader", bytes: 1000, sending: 0))
            let response = try client.response()
            #expect(response.status == 403 && response.code == "forbidden-scope")
            #expect(client.readToEnd().isEmpty)
        }
    }

    @Test func gateIsAskedBeforeItIsToldWhatExists() throws {
        try withGate { listener in
            for path in ["/who", "/nothing"] {
                let response = try TestClient(listener.boundAddress).get(path)
                #expect(response.status == 401)
            }
            let client = try TestClient(listener.boundAddress)
            #expect(try client.get("/nothing", fields: "Authorization: ada\r\n").status == 404)
        }
    }

    @Test func gateIsNotAskedForWhatIsMalformedOrForeign() throws {
        let count = Locked(0)
        let counting: Gate = { _, _ in
            count.withLock { $0 += 1 }
            return .admit(nil)
        }
        try withGate(counting) { listener in
            for fields in ["Host: b\r\n", "Origin: http://evil.example\r\n", "A b: c\r\n"] {
                let response = try TestClient(listener.boundAddress).get("/who", fields: fields)
                #expect(response.status >= 400)
            }
            #expect(count.withLock { $0 } == 0)
            #expect(try TestClient(listener.boundAddress).get("/who").status == 200)
            #expect(count.withLock { $0 } == 1)
        }
    }

    @Test func delayedRefusalTakesItsTimeAndHindersNobody() throws {
        try withGate { listener in
            let guesser = try TestClient(listener.boundAddress)
            let start = nowNanoseconds()
            guesser.send(post("wrong", bytes: 1000, sending: 1000))
            for _ in 0..<20 {
                let client = try TestClient(listener.boundAddress)
                #expect(try client.get("/who", fields: "Authorization: ada\r\n").status == 200)
            }
            let response = try guesser.response()
            #expect(response.status == 401 && response.code == "unauthenticated")
            #expect(nowNanoseconds() - start >= 300_000_000)
            // The body was taken in, so the connection goes on.
            #expect(try guesser.get("/who", fields: "Authorization: ada\r\n").body == "ada")
        }
    }

    @Test func manyDelayedRefusalsAllArrive() throws {
        try withGate { listener in
            let clients = try (0..<50).map { _ in try TestClient(listener.boundAddress) }
            let start = nowNanoseconds()
            for client in clients { client.send(post("wrong", bytes: 1, sending: 1)) }
            for client in clients { #expect(try client.response().status == 401) }
            // Side by side, not one after the other, which would be 15 s.
            #expect(nowNanoseconds() - start < 10_000_000_000)
        }
    }

    @Test func bodyOfADelayedRefusalIsBounded() throws {
        try withGate { listener in
            let client = try TestClient(listener.boundAddress)
            client.send(post("wrong", bytes: 2_000_000, sending: 0))
            #expect(try client.response().status == 413)
        }
    }

    @Test func stopAnswersDelayedRefusals() throws {
        let never: Gate = { _, _ in
            .refuse(GateTests.problem(.unauthorized, "unauthenticated"), delayMilliseconds: 60_000)
        }
        let asked = Locked(false)
        let noting: Gate = { request, route in
            asked.withLock { $0 = true }
            asked.signal()
            return never(request, route)
        }
        try withGate(noting) { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(asked.wait(untilNanoseconds: nowNanoseconds() + 10_000_000_000) { $0 })
            listener.stop(graceMilliseconds: 10)
            #expect(try client.response().code == "draining")
        }
    }

    @Test func principalIsRecordedAlsoWhenRefused() throws {
        let records = Locked<[RequestRecord]>([])
        let onCompleted: @Sendable (RequestRecord) -> Void = { record in
            records.withLock { $0.append(record) }
            records.signal()
        }
        try withGate(onCompleted: onCompleted) { listener in
            _ = try TestClient(listener.boundAddress).get("/who", fields: "Authorization: ada\r\n")
            let reader = try TestClient(listener.boundAddress)
            reader.send(post("reader", bytes: 1, sending: 1))
            #expect(try reader.response().status == 403)
            _ = try TestClient(listener.boundAddress).get("/who")
            let deadline = nowNanoseconds() + 10_000_000_000
            #expect(records.wait(untilNanoseconds: deadline) { $0.count == 3 })
            #expect(records.withLock { $0.map(\.principal) } == ["ada", "reader", nil])
            #expect(records.withLock { $0.map(\.route) } == ["/who", "/write", "/who"])
        }
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("10.0.0.1", false),
        ("::2", false), ("fe80::1", false), (nil, false),
    ])
    func loopbackIsToldFromOtherAddresses(address: String?, isLoopback: Bool) {
        #expect(Peer(address: address).isLoopback == isLoopback)
    }
}
