import Testing

@testable import HTTPHosting

@Suite struct DeadlineTests {
    /// Sends `text` byte by byte, ten a second, until the connection ends; false after 15 s.
    private func drip(_ text: String, to client: TestClient, _ meanwhile: () throws -> Void) throws
        -> Bool
    {
        let end = nowNanoseconds() + 15_000_000_000
        for byte in text.utf8 where nowNanoseconds() < end {
            if !client.send([byte]) { return true }
            if client.becomesReadable(withinMilliseconds: 100) {
                _ = client.readToEnd()
                return true
            }
            try meanwhile()
        }
        return false
    }

    private func hasty(_ configuration: inout ListenerConfiguration) {
        configuration.requestDeadlineSeconds = 2
        configuration.inactivityTimeoutSeconds = 2
    }

    @Test(arguments: [
        String(repeating: "x", count: 1000),
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nA: " + String(repeating: "x", count: 1000),
    ])
    func drippingClientIsCutWhileAnotherIsServed(text: String) throws {
        try withListener(sampleRoutes, local(hasty)) { listener in
            let slow = try TestClient(listener.boundAddress)
            // A connection each time: on a busy machine one that waits is silent too long.
            let expectOtherIsServed = { () throws in
                let response = try TestClient(listener.boundAddress).get("/hello")
                #expect(response.status == 200)
            }
            #expect(try drip(text, to: slow, expectOtherIsServed))
            try expectOtherIsServed()
        }
    }

    @Test func bodyDripperIsCut() throws {
        try withListener(sampleRoutes, local(hasty)) { listener in
            let slow = try TestClient(listener.boundAddress)
            slow.send(
                "PUT /items/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: 1000\r\n\r\n"
            )
            #expect(try drip(String(repeating: " ", count: 1000), to: slow) {})
        }
    }

    @Test func secondRequestOfAConnectionHasADeadlineToo() throws {
        try withListener(sampleRoutes, local(hasty)) { listener in
            let slow = try TestClient(listener.boundAddress)
            #expect(try slow.get("/hello").status == 200)
            #expect(try drip(String(repeating: "x", count: 1000), to: slow) {})
        }
    }

    @Test func silentClientIsClosedByInactivity() throws {
        try withListener(sampleRoutes, local { $0.inactivityTimeoutSeconds = 1 }) { listener in
            let client = try TestClient(listener.boundAddress)
            #expect(try client.get("/hello").status == 200)
            #expect(client.readToEnd().isEmpty && client.isAtEnd)
        }
    }

    @Test func suspendedRequestIsNotCut() throws {
        let patient = Route(.get, "/patient") { _, _ throws(Problem) in
            .later { completion in
                onThread {
                    let never = Locked(())
                    let end = nowNanoseconds() + 4_500_000_000
                    never.wait(untilNanoseconds: end) { _ in false }
                    completion(text("at last"))
                }
            }
        }
        try withListener([patient], local(hasty)) { listener in
            let response = try TestClient(listener.boundAddress).get("/patient")
            #expect(response.body == "at last")
        }
    }

    @Test func idleConnectionsMakeRoomAtTheLimit() throws {
        try withListener(sampleRoutes, local { $0.connectionsMax = 4 }) { listener in
            let idle = try (0..<4).map { _ in try TestClient(listener.boundAddress) }
            for client in idle { #expect(try client.get("/hello").status == 200) }
            let start = nowNanoseconds()
            #expect(try TestClient(listener.boundAddress).get("/hello").status == 200)
            #expect(nowNanoseconds() - start < 8_000_000_000)
        }
    }

    @Test(arguments: [
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nA: ",
        "PUT /items/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Content-Length: 1000\r\n\r\n",
    ])
    func slowClientsMakeRoomAtTheLimit(beginning: String) throws {
        let configure = { (configuration: inout ListenerConfiguration) in
            configuration.connectionsMax = 4
            configuration.requestDeadlineSeconds = 60
            configuration.inactivityTimeoutSeconds = 60
        }
        try withListener(sampleRoutes, local(configure)) { listener in
            let slow = try (0..<4).map { _ in try TestClient(listener.boundAddress) }
            for client in slow { client.send(beginning) }
            // The client gives up after ten seconds, long before the deadlines.
            #expect(try TestClient(listener.boundAddress).get("/hello").status == 200)
        }
    }

    @Test func clientsAboveTheLimitDoNotHinderThoseBelow() throws {
        try withListener(sampleRoutes, local { $0.connectionsMax = 2 }) { listener in
            let first = try TestClient(listener.boundAddress)
            #expect(try first.get("/hello").status == 200)
            let more = try (0..<5).map { _ in try TestClient(listener.boundAddress) }
            for _ in 0..<100 { #expect(try first.get("/hello").status == 200) }
            for client in more { client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n") }
            for client in more { #expect(try client.response().status == 200) }
        }
    }
}
