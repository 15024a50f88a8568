import HTTPTypes
import Testing

@testable import HTTPHosting

@Suite struct ListenerTests {
    @Test func everyResponseHasARequestID() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            let first = try client.get("/hello")
            #expect(first.status == 200 && first.body == "hello")
            let second = try client.get("/nothing")
            #expect(second.status == 404)
            let id = try #require(second.fields["request-id"])
            #expect(second.body.contains("\"requestId\":\"\(id)\""))
            #expect(first.fields["request-id"] != id)
        }
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            let names = (0..<50).map { "n\($0)" }
            client.send(
                names.map { "GET /items/\($0) HTTP/1.1\r\nHost: localhost\r\n\r\n" }.joined()
            )
            for name in names { #expect(try client.response().body == name) }
        }
    }

    @Test func headHasLengthAndNoBody() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let head = try client.response(toHead: true)
            #expect(head.status == 200 && head.contentLength == 5)
            #expect(try client.get("/hello").body == "hello")
        }
    }

    @Test func aMethodOfAnotherResourceKeepsTheConnection() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("DELETE /items/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let response = try client.response()
            #expect(response.status == 405 && response.fields["allow"] == "GET, HEAD, PUT")
            #expect(try client.get("/hello").status == 200)
        }
    }

    /// What comes after it is not worth reading: it is probably the rest of another request.
    @Test(arguments: [("TRACE", 405), ("get", 501), ("BREW", 501)])
    func aMethodThatNobodySendsEndsTheConnection(method: String, status: Int) throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("\(method) /items/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let response = try client.response()
            #expect(response.status == status && response.fields["connection"] == "close")
            #expect((response.fields["allow"] == "GET, HEAD, PUT") == (status == 405))
            #expect(client.readToEnd().isEmpty)
        }
    }

    @Test func encodedSlashStaysInItsSegment() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            #expect(try client.get("/items/a%2Fb").body == "a/b")
            #expect(try client.get("http://localhost/items/x%20y?q").body == "x y")
        }
    }

    @Test func deferredAnswersComeFromAnotherThread() throws {
        try withListener { listener in
            let clients = try (0..<20).map { _ in try TestClient(listener.boundAddress) }
            for _ in 0..<10 {
                for client in clients {
                    client.send("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
                }
                for client in clients { #expect(try client.response().body == "late") }
            }
        }
    }

    @Test func deferredRequestsDoNotDelayOthers() throws {
        try withListener { listener in
            let waiting = try TestClient(listener.boundAddress)
            waiting.send("GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try TestClient(listener.boundAddress).get("/hello").status == 200)
        }
    }

    @Test func droppedCompletionIs500() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            let response = try client.get("/dropped")
            #expect(response.status == 500 && response.code == "internal")
            #expect(try client.get("/hello").status == 200)
        }
    }

    @Test func firstCallOfACompletionWins() {
        let statuses = Locked<[Int]>([])
        let completion = Completion(requestID: "r") { response in
            statuses.withLock { $0.append(response.status.code) }
        }
        completion(text("one"))
        completion(Problem.draining)
        #expect(statuses.withLock { $0 } == [200])
    }

    @Test func everyRequestIsRecorded() throws {
        let records = Locked<[RequestRecord]>([])
        let onCompleted: @Sendable (RequestRecord) -> Void = { record in
            records.withLock { $0.append(record) }
            records.signal()
        }
        try withListener(onCompleted: onCompleted) { listener in
            let client = try TestClient(listener.boundAddress)
            let response = try client.get("/items/x?a=b")
            client.send("BAD /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            _ = client.readToEnd()
            let deadline = nowNanoseconds() + 10_000_000_000
            #expect(records.wait(untilNanoseconds: deadline) { $0.count == 2 })
            let (first, second) = records.withLock { ($0[0], $0[1]) }
            #expect(first.id == response.fields["request-id"])
            #expect(first.route == "/items/{name}" && first.path == "/items/x")
            #expect(first.method == .get && first.status == 200 && first.responseBytes == 1)
            #expect(first.peer.address == "127.0.0.1" && first.durationNanoseconds > 0)
            #expect(second.route == nil && second.status == 400)
        }
    }

    @Test func requestThatBreaksOffIsRecordedWithoutStatus() throws {
        let records = Locked<[RequestRecord]>([])
        let onCompleted: @Sendable (RequestRecord) -> Void = { record in
            records.withLock { $0.append(record) }
            records.signal()
        }
        try withListener(onCompleted: onCompleted) { listener in
            do {
                let client = try TestClient(listener.boundAddress)
                client.send("PUT /items/x HTTP/1.1\r\nHost: localhost\r\nContent-Le")
            }
            let deadline = nowNanoseconds() + 10_000_000_000
            #expect(records.wait(untilNanoseconds: deadline) { $0.count == 1 })
            #expect(records.withLock { $0[0].status } == nil)
        }
    }

    @Test func http10IsServedAndClosed() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("GET /hello HTTP/1.0\r\nHost: localhost\r\n\r\n")
            #expect(client.readToEnd().hasSuffix("hello"))
        }
    }

    @Test func servesOnIPv6() throws {
        let configure = { (configuration: inout ListenerConfiguration) in
            configuration.address = .tcp(address: "::1", port: 0)
        }
        try withListener(sampleRoutes, local(configure)) { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("GET /hello HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")
            #expect(try client.response().status == 200)
        }
    }
}
