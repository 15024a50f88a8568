/// The promise to answer one deferred request.
///
/// Any thread may call it. The first call wins, later ones do nothing; if it is dropped without
/// a call, the client gets 500 `internal` instead of waiting for ever.
package final class Completion: Sendable {
    /// The id of the request that waits, for problems.
    package let requestID: String

    /// Makes the response on the listener's thread.
    package typealias Maker = @Sendable () -> Response

    private let deliver: Locked<(@Sendable (@escaping Maker) -> Void)?>

    /// A completion that hands the maker of its response to `deliver`, at most once.
    init(requestID: String, deliverMaker deliver: @escaping @Sendable (@escaping Maker) -> Void) {
        self.requestID = requestID
        self.deliver = Locked(deliver)
    }

    /// A completion that hands its response to `deliver`, at most once: for tests.
    package convenience init(
        requestID: String,
        deliver: @escaping @Sendable (Response) -> Void
    ) {
        self.init(requestID: requestID, deliverMaker: { make in deliver(make()) })
    }

    deinit {
        guard let deliver = deliver.withLock({ $0 }) else { return }
        let problem = Problem.internalError("The request was dropped before it was answered.")
        deliver { [requestID] in problem.response(requestID: requestID) }
    }

    /// Answers the request with `response`.
    package func callAsFunction(_ response: Response) {
        resume { response }
    }

    /// Answers the request with `problem`.
    package func callAsFunction(_ problem: Problem) {
        self(problem.response(requestID: requestID))
    }

    /// Answers the request with what `make` returns, which runs on the listener's thread: for
    /// callers whose time is dear.
    package func resume(_ make: @escaping Maker) {
        let first = deliver.withLock { value in
            defer { value = nil }
            return value
        }
        first?(make)
    }
}
