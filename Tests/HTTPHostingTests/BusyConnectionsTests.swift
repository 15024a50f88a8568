import Testing

@testable import HTTPHosting

/// libmicrohttpd's epoll mode stalls when a multiple of 128 connections is ready together: it then
/// serves some sixty requests a second. These hold the listener to poll mode.
@Suite struct BusyConnectionsTests {
    @Test(arguments: [128, 256])
    func busyConnectionsAreAllAnsweredWithoutAStall(count: Int) throws {
        try withListener { listener in
            let clients = try (0..<count).map { _ in try TestClient(listener.boundAddress) }
            for round in 0..<30 {
                let start = nowNanoseconds()
                for client in clients {
                    client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
                }
                for client in clients { #expect(try client.response().status == 200) }
                let milliseconds = (nowNanoseconds() - start) / 1_000_000
                #expect(milliseconds < 3_000, "round \(round) took \(milliseconds) ms")
            }
        }
    }
}
