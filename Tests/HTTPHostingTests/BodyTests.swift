import Testing

@testable import HTTPHosting

@Suite struct BodyTests {
    private let json = "Host: localhost\r\nContent-Type: application/json\r\n"

    private func chunked(_ count: Int, of size: Int) -> String {
        let chunk = String(size, radix: 16) + "\r\n" + String(repeating: "x", count: size) + "\r\n"
        return String(repeating: chunk, count: count) + "0\r\n\r\n"
    }

    @Test func bodyAtTheLimitIsTaken() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            let body = String(repeating: "x", count: 1024 * 1024)
            for _ in 0..<2 {
                client.send(
                    "PUT /items/x HTTP/1.1\r\n\(json)Content-Length: 1048576\r\n\r\n\(body)"
                )
                #expect(try client.response().body == "1048576")
                client.send("PUT /items/x HTTP/1.1\r\n\(json)Transfer-Encoding: chunked\r\n\r\n")
                client.send(chunked(1024, of: 1024))
                #expect(try client.response().body == "1048576")
            }
        }
    }

    @Test func announcedBodyOverTheLimitIsRefusedAtOnce() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("PUT /items/x HTTP/1.1\r\n\(json)Content-Length: 1048577\r\n\r\n")
            let response = try client.response()
            #expect(response.status == 413 && response.code == "body-too-large")
            #expect(client.readToEnd().isEmpty)
        }
    }

    @Test func bodiesTogetherTakeNoMoreThanTheirBudget() throws {
        let free = BodyBudget.freeBytes
        try withListener(sampleRoutes, local { $0.bodiesBytesMax = 100_000 }) { listener in
            let (first, second) = (
                try TestClient(listener.boundAddress), try TestClient(listener.boundAddress)
            )
            func begin(_ client: TestClient, _ length: Int) {
                client.send("PUT /items/x HTTP/1.1\r\n\(json)Content-Length: \(length)\r\n\r\n")
            }
            // The first takes all there is, and is not complete.
            begin(first, free + 100_001)
            first.send(String(repeating: "x", count: free + 100_000))
            // A small body needs nothing of it.
            let small = try TestClient(listener.boundAddress)
            begin(small, free)
            small.send(String(repeating: "x", count: free))
            #expect(try small.response().body == "\(free)")
            #expect(eventually { listener.bodyBudget.takenBytes == 100_000 })
            begin(second, free + 1)
            second.send(String(repeating: "x", count: free + 1))
            let refused = try second.response()
            #expect(refused.status == 503 && refused.code == "overloaded")
            // One byte more than there is refuses the first as well, and gives all back.
            first.send("x")
            #expect(try first.response().status == 503)
            begin(second, free + 100_000)
            second.send(String(repeating: "x", count: free + 100_000))
            #expect(try second.response().body == "\(free + 100_000)")
        }
    }

    @Test func chunkedBodyOverTheLimitIsRefusedAtItsEnd() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("PUT /items/x HTTP/1.1\r\n\(json)Transfer-Encoding: chunked\r\n\r\n")
            client.send(chunked(1025, of: 1024))
            let response = try client.response()
            #expect(response.status == 413 && response.code == "body-too-large")
            #expect(try client.get("/hello").status == 200)
        }
    }

    @Test func expectationIsNotMetForATooLargeBody() throws {
        try withListener { listener in
            let expects = json + "Expect: 100-continue\r\n"
            let refused = try TestClient(listener.boundAddress)
            refused.send("PUT /items/x HTTP/1.1\r\n\(expects)Content-Length: 1048577\r\n\r\n")
            #expect(try refused.response().status == 413)
            let welcome = try TestClient(listener.boundAddress)
            welcome.send("PUT /items/x HTTP/1.1\r\n\(expects)Content-Length: 2\r\n\r\n")
            #expect(try welcome.response().status == 100)
            welcome.send("{}")
            #expect(try welcome.response().body == "2")
        }
    }

    @Test func routeHasItsOwnLimit() throws {
        try withListener { listener in
            let start = "POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
            let client = try TestClient(listener.boundAddress)
            client.send(start + "Content-Length: 10\r\n\r\n0123456789")
            #expect(try client.response().body == "0123456789")
            client.send(start + "Transfer-Encoding: chunked\r\n\r\n" + chunked(11, of: 1))
            #expect(try client.response().status == 413)
            client.send(start + "Content-Length: 11\r\n\r\n")
            #expect(try client.response().status == 413)
        }
    }

    @Test func bodyNobodyConsumesIsDiscarded() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            for target in ["/ignores", "/nothing"] {
                client.send("POST \(target) HTTP/1.1\r\n\(json)Content-Length: 5\r\n\r\n12345")
                let response = try client.response()
                #expect(response.status == (target == "/ignores" ? 200 : 404))
            }
            #expect(try client.get("/hello").status == 200)
        }
    }

    @Test func foreignMediaTypeIs415() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            client.send(
                "PUT /items/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
                    + "Content-Length: 1\r\n\r\nx"
            )
            #expect(try client.response().code == "unsupported-media-type")
            #expect(try client.get("/hello").status == 200)
        }
    }
}
