import Glibc
import HTTPTypes

@testable import HTTPHosting

/// The defaults on a port of 127.0.0.1 that the kernel chooses, changed by `change`.
func local(_ change: (inout ListenerConfiguration) -> Void = { _ in }) -> ListenerConfiguration {
    var configuration = ListenerConfiguration(address: .tcp(address: "127.0.0.1", port: 0))
    change(&configuration)
    return configuration
}

/// Serves `routes` while `body` runs.
func withListener(
    _ routes: [Route] = sampleRoutes,
    _ configuration: ListenerConfiguration = local(),
    onCompleted: @escaping @Sendable (RequestRecord) -> Void = { _ in },
    body: (HTTPListener) throws -> Void
) throws {
    let listener = HTTPListener(
        configuration: configuration,
        routes: RouteTable(routes),
        onCompleted: onCompleted
    )
    try listener.start()
    defer {
        listener.stop(graceMilliseconds: 0)
        joinThreads()
    }
    try body(listener)
}

/// Routes that say what they got.
let sampleRoutes: [Route] = [
    Route(.get, "/hello") { _, _ throws(Problem) in .now(text("hello")) },
    Route(.get, "/items/{name}") { _, parameters throws(Problem) in
        .now(text(parameters["name"]))
    },
    Route(.put, "/items/{name}", consumes: ["application/json"]) {
        request,
        _ throws(Problem) in
        .now(text("\(request.body.count)"))
    },
    Route(.post, "/ignores") { request, _ throws(Problem) in
        .now(text("\(request.body.count)"))
    },
    Route(.post, "/small", consumes: ["text/plain"], bodyBytesMax: 10) {
        request,
        _ throws(Problem) in
        .now(text(String(decoding: request.body, as: UTF8.self)))
    },
    Route(.get, "/later") { _, _ throws(Problem) in
        .later { completion in
            onThread { completion(text("late")) }
        }
    },
    Route(.get, "/dropped") { _, _ throws(Problem) in
        .later { completion in
            onThread { _ = completion }
        }
    },
    Route(.get, "/never") { _, _ throws(Problem) in
        .later { completion in kept.withLock { $0.append(completion) } }
    },
    Route(.get, "/fails") { _, _ throws(Problem) in
        throw Problem(status: .conflict, code: "in-use", title: "In use", detail: "It is.")
    },
]

/// Completions that nobody calls while a test runs.
let kept = Locked<[Completion]>([])

/// A plain text response.
func text(_ text: String) -> Response {
    Response(status: .ok, fields: [.contentType: "text/plain"], body: Content(Array(text.utf8)))
}

/// Runs `body` on a thread of its own, which `withListener` waits for.
func onThread(_ body: @escaping @Sendable () -> Void) {
    guard let thread = WorkerThread(body) else { fatalError("No thread.") }
    threads.withLock { $0.append(thread) }
}

private let threads = Locked<[WorkerThread]>([])

private func joinThreads() {
    let finished = threads.withLock { threads in
        defer { threads = [] }
        return threads
    }
    for thread in finished { thread.join() }
}

/// CLOCK_MONOTONIC, which every deadline here is on.
func nowNanoseconds() -> UInt64 {
    var now = timespec()
    // Safe because `now` outlives the call.
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

/// Waits until something is so, at most 30 seconds; whether it is.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<30_000 {
        if condition() { return true }
        usleep(1000)
    }
    return condition()
}
