import Testing

@testable import HTTPHosting

/// libmicrohttpd's epoll mode stalls when a multiple of 128 connections is ready together: it
/// waits for further events before it serves them. This holds the listener to poll mode.
@Suite struct BusyConnectionsTests {
    /// Who holds the listener's thread, so that connections become ready together.
    private enum Gate { case idle, held, open }

    @Test(arguments: [128, 256])
    func connectionsThatAreReadyTogetherAreServedWithoutAStall(count: Int) throws {
        let gate = Locked(Gate.idle)
        let holding = Route(.get, "/hold") { _, _ throws(Problem) in
            gate.withLock { $0 = .held }
            gate.signal()
            gate.wait(untilNanoseconds: nowNanoseconds() + 10_000_000_000) { $0 == .open }
            return .now(text("held"))
        }
        try withListener([holding] + sampleRoutes) { listener in
            let clients = try (0..<count).map { _ in try TestClient(listener.boundAddress) }
            let holder = try TestClient(listener.boundAddress)
            for round in 0..<20 {
                gate.withLock { $0 = .idle }
                holder.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let deadline = nowNanoseconds() + 10_000_000_000
                #expect(gate.wait(untilNanoseconds: deadline) { $0 == .held })
                for client in clients {
                    client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
                }
                let start = nowNanoseconds()
                gate.withLock { $0 = .open }
                gate.signal()
                for client in clients { #expect(try client.response().status == 200) }
                #expect(try holder.response().status == 200)
                let milliseconds = (nowNanoseconds() - start) / 1_000_000
                #expect(milliseconds < 3_000, "round \(round) took \(milliseconds) ms")
            }
        }
    }
}
