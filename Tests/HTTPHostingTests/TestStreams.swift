import Glibc

@testable import HTTPHosting

/// Streams that the route `/stream` began, for producers to take up.
final class TestStreams: Sendable {
    private let begun = Locked<[ResponseStream]>([])
    private let ended = Locked(0)

    /// Begins a stream that says `hello\n` and then what the test sends.
    var route: Route {
        Route(.get, "/stream") { [self] _, _ throws(Problem) in
            .stream(text("hello\n")) { [self] stream in
                stream.onEnd { [self] in
                    ended.withLock { $0 += 1 }
                    ended.signal()
                }
                begun.withLock { $0.append(stream) }
                begun.signal()
            }
        }
    }

    /// How often a stream's end was told.
    var endedCount: Int { ended.withLock { $0 } }

    /// Opens a stream as a client that has read its header section and first chunk.
    func open(_ listener: HTTPListener) throws -> (client: TestClient, stream: ResponseStream) {
        let client = try TestClient(listener.boundAddress)
        let stream = try take { try client.get("/stream") }
        guard String(decoding: try client.chunk(), as: UTF8.self) == "hello\n" else {
            throw TestFailure("The stream does not say hello.")
        }
        return (client, stream)
    }

    /// The stream that `request` begins.
    func take(_ request: () throws -> TestResponse) throws -> ResponseStream {
        let count = begun.withLock { $0.count }
        guard try request().status == 200, wait(for: begun, { $0.count > count }) else {
            throw TestFailure("No stream.")
        }
        return begun.withLock { $0[count] }
    }

    /// Forgets all streams.
    func forget() { begun.withLock { $0 = [] } }

    /// Waits until as many streams as `count` have told their end; false after ten seconds.
    func waitForEnded(_ count: Int) -> Bool { wait(for: ended) { $0 >= count } }

    private func wait<Value>(for value: Locked<Value>, _ ready: (inout Value) -> Bool) -> Bool {
        value.wait(untilNanoseconds: nowNanoseconds() + 10_000_000_000, for: ready)
    }
}

/// Sends `bytes` as soon as there is room; false when the stream is over.
func deliver(_ bytes: [UInt8], to stream: ResponseStream) -> Bool {
    while true {
        switch stream.send(bytes) {
        case .accepted: return true
        case .ended: return false
        case .full: sched_yield()
        }
    }
}
