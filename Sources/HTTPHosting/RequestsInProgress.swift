/// The requests of one listener that are not over, and the suspended ones among them.
///
/// libmicrohttpd aborts the process when it is stopped with a suspended connection, and using a
/// connection after that is undefined. So suspending, resuming and the end share one lock: a
/// connection found in `suspended` is alive, and after `refuseMore` none is suspended again.
final class RequestsInProgress: Sendable {
    private struct State {
        var count = 0
        var isRefusing = false
        var suspended: [String: LibraryConnection] = [:]
        var responses: [String: Completion.Maker] = [:]
    }

    private let state = Locked(State())

    /// A request line has arrived.
    func begin() {
        state.withLock { $0.count += 1 }
    }

    /// A request is over, one way or another; `wasSuspended` if it ever was.
    func end(_ id: String, wasSuspended: Bool) {
        let isLast = state.withLock { state in
            state.count -= 1
            if wasSuspended { state.responses[id] = nil }
            return state.count == 0
        }
        if isLast { state.signal() }
    }

    /// Suspends `connection` until there is a response for `id`; from its own callback, once.
    ///
    /// - Returns: false when the listener is about to stop, and the connection is not suspended.
    func suspend(_ id: String, _ connection: LibraryConnection) -> Bool {
        state.withLock { state in
            if state.isRefusing { return false }
            connection.suspend()
            state.suspended[id] = connection
            return true
        }
    }

    /// Stores the maker of the response for `id` and lets its connection go on. Any thread may
    /// call it.
    func resume(_ id: String, _ make: @escaping Completion.Maker) {
        state.withLock { state in
            // A connection in `suspended` can neither end nor be resumed elsewhere.
            guard let connection = state.suspended.removeValue(forKey: id) else { return }
            state.responses[id] = make
            connection.resume()
        }
    }

    /// The response for `id`, made now; nil while its connection is suspended.
    func takeResponse(_ id: String) -> Response? {
        let make = state.withLock { $0.responses.removeValue(forKey: id) }
        return make?()
    }

    /// Resumes all that is suspended with a problem `draining`, and suspends nothing any more.
    func refuseMore() {
        state.withLock { state in
            state.isRefusing = true
            while let (id, connection) = state.suspended.popFirst() {
                state.responses[id] = { Problem.draining.response(requestID: id) }
                connection.resume()
            }
        }
    }

    /// Waits until no request is in progress, or the deadline (CLOCK_MONOTONIC) has passed.
    func waitForNone(untilNanoseconds deadline: UInt64) {
        state.wait(untilNanoseconds: deadline) { $0.count == 0 }
    }
}
