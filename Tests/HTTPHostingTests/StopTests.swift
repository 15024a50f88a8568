import Glibc
import Testing

@testable import HTTPHosting

@Suite struct StopTests {
    @Test func suspendedRequestsAreAnsweredWhenTheGraceIsOver() throws {
        try withListener { listener in
            let clients = try (0..<10).map { _ in try TestClient(listener.boundAddress) }
            for client in clients {
                client.send("GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n")
            }
            // Served after the others were suspended, because there is one thread.
            #expect(try TestClient(listener.boundAddress).get("/hello").status == 200)
            listener.stop(graceMilliseconds: 10)
            for client in clients {
                let response = try client.response()
                #expect(response.status == 503 && response.code == "draining")
                #expect(response.fields["connection"] == "close")
            }
            // What comes too late is dropped.
            let late = kept.withLock { kept in
                defer { kept = [] }
                return kept
            }
            for completion in late { completion(text("too late")) }
        }
    }

    @Test func stoppingAmidDeferredAnswersIsSafe() throws {
        for round in 0..<20 {
            try withListener { listener in
                let clients = try (0..<8).map { _ in try TestClient(listener.boundAddress) }
                for client in clients {
                    client.send(
                        String(
                            repeating: "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n",
                            count: 10
                        )
                    )
                }
                #expect(try clients[0].response().status == 200)
                listener.stop(graceMilliseconds: round % 3)
                for client in clients { _ = client.readToEnd() }
            }
        }
    }

    @Test func requestsInProgressAreFinished() throws {
        let slow = Route(.get, "/slow") { _, _ throws(Problem) in
            .later { completion in
                onThread {
                    Locked(()).wait(untilNanoseconds: nowNanoseconds() + 300_000_000) { _ in false }
                    completion(text("done"))
                }
            }
        }
        try withListener([slow] + sampleRoutes) { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try TestClient(listener.boundAddress).get("/hello").status == 200)
            listener.stop(graceMilliseconds: 10_000)
            #expect(try client.response().body == "done")
        }
    }

    @Test func quiescedListenerAcceptsNobodyAndServesItsConnections() throws {
        try withListener { listener in
            let address = listener.boundAddress
            let client = try TestClient(address)
            #expect(try client.get("/hello").status == 200)
            listener.quiesce()
            #expect(throws: TestFailure.self) { try TestClient(address) }
            let last = try client.get("/hello")
            #expect(last.status == 200 && last.fields["connection"] == "close")
            #expect(client.readToEnd().isEmpty)
        }
    }

    @Test func stopIsIdempotentAndFreesThePort() throws {
        var address: ListenAddress?
        try withListener { listener in
            address = listener.boundAddress
            listener.stop(graceMilliseconds: 0)
            listener.stop(graceMilliseconds: 0)
            #expect(listener.boundAddress == nil)
        }
        let again = try #require(address)
        try withListener(sampleRoutes, local { $0.address = again }) { listener in
            let response = try TestClient(again).get("/hello")
            #expect(response.status == 200)
        }
    }

    @Test func stoppedListenerIsFreed() throws {
        weak var freed: HTTPListener?
        do {
            let listener = HTTPListener(
                configuration: ListenerConfiguration(address: .tcp(address: "127.0.0.1", port: 0)),
                routes: RouteTable(sampleRoutes)
            )
            freed = listener
            try listener.start()
            #expect(try TestClient(listener.boundAddress).get("/hello").status == 200)
            listener.stop(graceMilliseconds: 0)
        }
        #expect(freed == nil)
    }

    @Test func takenPortIsAnErrorWithItsName() throws {
        try withListener { listener in
            let taken = try #require(listener.boundAddress)
            let other = HTTPListener(
                configuration: ListenerConfiguration(address: taken),
                routes: RouteTable([])
            )
            let error = #expect(throws: ListenerError.self) { try other.start() }
            #expect(error?.operation == "bind" && error?.errno == "EADDRINUSE")
        }
    }

    @Test func nameIsNotAnAddressToListenOn() {
        let listener = HTTPListener(
            configuration: ListenerConfiguration(address: .tcp(address: "localhost", port: 0)),
            routes: RouteTable([])
        )
        #expect(throws: ListenerError.self) { try listener.start() }
    }
}
