/// The promise to answer one deferred request.
///
/// Any thread may call it. The first call wins, later ones do nothing; if it is dropped without
/// a call, the client gets 500 `internal` instead of waiting for ever.
package final class Completion: Sendable {
    /// The id of the request that waits, for problems.
    package let requestID: String

    private let deliver: Locked<(@Sendable (Response) -> Void)?>

    /// A completion that hands its response to `deliver`, at most once.
    package init(requestID: String, deliver: @escaping @Sendable (Response) -> Void) {
        self.requestID = requestID
        self.deliver = Locked(deliver)
    }

    deinit {
        guard let deliver = deliver.withLock({ $0 }) else { return }
        let problem = Problem.internalError("The request was dropped before it was answered.")
        deliver(problem.response(requestID: requestID))
    }

    /// Answers the request with `response`.
    package func callAsFunction(_ response: Response) {
        let first = deliver.withLock { value in
            defer { value = nil }
            return value
        }
        first?(response)
    }

    /// Answers the request with `problem`.
    package func callAsFunction(_ problem: Problem) {
        self(problem.response(requestID: requestID))
    }

    /// Answers the request with what `make` returns.
    package func resume(_ make: @escaping @Sendable () -> Response) {
        self(make())
    }
}
