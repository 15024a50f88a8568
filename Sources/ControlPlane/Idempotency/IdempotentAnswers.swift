import HTTPHosting
import HTTPTypes
import RelayEngine
import SessionStore

/// What creates with an idempotency key were answered, so that a repeated request gets the same
/// answer and does nothing again.
///
/// Only successes are remembered: what was refused has done nothing, and may be tried again under
/// its key. Answers about persistent sessions are stored in the transaction that stores the
/// session, so they survive what the session survives.
final class IdempotentAnswers: Sendable {
    /// Most answers remembered; then the oldest is forgotten.
    static let answersMax = 10_000
    /// Most bytes of remembered answers; then the oldest are forgotten.
    static let bytesMax = 16 * 1024 * 1024
    /// How long an answer is remembered.
    static let lifetimeNanoseconds: Int64 = 24 * 3600 * 1_000_000_000

    private struct Entry {
        let fingerprint: String
        let createdAt: Int64
        /// Which attempt made it: one that is over may not end a later one's.
        var attempt: UInt64 = 0
        /// nil while the request is being answered.
        var answer: String?
        /// Whether the store has it, too.
        var isStored = false
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Keys of the remembered answers, the oldest first.
        var order: [String] = []
        var bytes = 0
        /// Keys of forgotten answers that the store still has.
        var overdue: [String] = []
        var attempts: UInt64 = 0
    }

    private let state = Locked(State())
    private let now: @Sendable () -> Int64

    /// - Parameter now: the time in nanoseconds since 1970 UTC.
    init(now: @escaping @Sendable () -> Int64 = { HostNetwork.now().nanoseconds }) {
        self.now = now
    }

    /// How a request with a key begins.
    enum Beginning: Sendable {
        /// It is the first: answer it, and tell the attempt.
        case begun(Attempt)
        /// It was answered before.
        case answer(Response)
        /// The same key is in use for another request, or this one is being answered.
        case refused(Problem)
    }

    func begin(_ key: IdempotencyKey) -> Beginning {
        let now = now()
        return state.withLock { state in
            Self.forgetExpired(&state, now)
            guard let entry = state.entries[key.key] else {
                state.attempts += 1
                state.entries[key.key] = Entry(
                    fingerprint: key.fingerprint,
                    createdAt: now,
                    attempt: state.attempts
                )
                return .begun(Attempt(self, key, number: state.attempts, at: now))
            }
            guard entry.fingerprint == key.fingerprint else { return .refused(.keyReused) }
            guard let answer = entry.answer else { return .refused(.keyInUse) }
            return .answer(Response(replaying: answer))
        }
    }

    /// Takes in what the store has remembered.
    func restore(_ answers: [StoredAnswer]) {
        let now = now()
        state.withLock { state in
            for stored in answers {
                state.entries[stored.key] = Entry(
                    fingerprint: stored.fingerprint,
                    createdAt: stored.createdAt,
                    isStored: true
                )
                Self.remember(stored.answer, stored.key, &state)
            }
            Self.forgetExpired(&state, now)
        }
    }

    // MARK: - For attempts

    /// What the store is to do for an answer, and for some that are forgotten.
    fileprivate func changes(_ stored: StoredAnswer) -> [StoreChange] {
        let overdue = state.withLock { state in
            state.entries[stored.key]?.isStored = true
            state.overdue.removeAll { $0 == stored.key }
            defer { state.overdue.removeFirst(min(Self.removedAtOnceMax, state.overdue.count)) }
            return state.overdue.prefix(Self.removedAtOnceMax)
        }
        return overdue.map { .forget(key: $0) } + [.remember(stored)]
    }

    /// Answers that one write removes from the store, so that none takes long.
    private static let removedAtOnceMax = 16

    fileprivate func remember(_ answer: String, _ key: String) {
        state.withLock { Self.remember(answer, key, &$0) }
    }

    fileprivate func end(_ key: String, _ attempt: UInt64) {
        state.withLock { state in
            guard let entry = state.entries[key], entry.answer == nil, entry.attempt == attempt
            else { return }
            state.entries[key] = nil
        }
    }

    private static func remember(_ answer: String, _ key: String, _ state: inout State) {
        guard state.entries[key] != nil else { return }
        state.entries[key]?.answer = answer
        state.order.append(key)
        state.bytes += answer.utf8.count
        while state.order.count > answersMax || state.bytes > bytesMax { forgetOldest(&state) }
    }

    private static func forgetExpired(_ state: inout State, _ now: Int64) {
        while let oldest = state.order.first, let entry = state.entries[oldest],
            isExpired(entry, now)
        {
            forgetOldest(&state)
        }
    }

    private static func isExpired(_ entry: Entry, _ now: Int64) -> Bool {
        now - entry.createdAt >= lifetimeNanoseconds
    }

    private static func forgetOldest(_ state: inout State) {
        let key = state.order.removeFirst()
        guard let entry = state.entries.removeValue(forKey: key) else { return }
        state.bytes -= entry.answer?.utf8.count ?? 0
        if entry.isStored { state.overdue.append(key) }
    }
}

extension IdempotentAnswers {
    /// One request that is being answered. When it is over without success, its key is free again.
    final class Attempt: Sendable {
        private let answers: IdempotentAnswers
        private let key: IdempotencyKey
        private let number: UInt64
        private let createdAt: Int64

        fileprivate init(
            _ answers: IdempotentAnswers,
            _ key: IdempotencyKey,
            number: UInt64,
            at now: Int64
        ) {
            self.answers = answers
            self.key = key
            self.number = number
            createdAt = now
        }

        deinit { end() }

        /// What the store is to do together with the request's own changes.
        func changes(_ response: Response) -> [StoreChange] {
            answers.changes(
                StoredAnswer(
                    key: key.key,
                    fingerprint: key.fingerprint,
                    answer: response.replayable,
                    createdAt: createdAt
                )
            )
        }

        /// The request has succeeded; whoever repeats it gets this response.
        func succeed(_ response: Response) {
            answers.remember(response.replayable, key.key)
        }

        /// The request is over; harmless after success.
        func end() { answers.end(key.key, number) }
    }
}

extension Response {
    /// `Location`, `ETag` and body of a 201, a line each; the body has no line breaks.
    fileprivate var replayable: String {
        let head = (fields[.location] ?? "") + "\n" + (fields[.eTag] ?? "") + "\n"
        return head + String(decoding: body.bytes, as: UTF8.self)
    }

    /// The 201 that `replayable` was made of.
    fileprivate init(replaying text: String) {
        let parts = text.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
        self = .json(Content(Array((parts.last ?? "").utf8)), status: .created)
        if parts.count == 3 {
            fields[.location] = String(parts[0])
            fields[.eTag] = String(parts[1])
        }
        fields[.idempotencyReplayed] = "true"
    }
}

extension HTTPField.Name {
    /// Says that a response was given before, to the first request with the key.
    fileprivate static var idempotencyReplayed: HTTPField.Name {
        guard let name = HTTPField.Name("Idempotency-Replayed") else {
            preconditionFailure("Idempotency-Replayed is a field name")
        }
        return name
    }
}

extension Problem {
    /// 422: the key came with another body before.
    fileprivate static var keyReused: Problem {
        Problem(
            status: .unprocessableContent,
            code: "idempotency-key-reuse",
            title: "Idempotency key reused",
            detail: "this Idempotency-Key came with another body before; choose another key"
        )
    }

    /// 409: the first request with the key has not been answered.
    fileprivate static var keyInUse: Problem {
        Problem(
            status: .conflict,
            code: "idempotency-key-in-use",
            title: "Idempotency key in use",
            detail: "a request with this Idempotency-Key is being answered; try again",
            fields: [.retryAfter: "1"]
        )
    }
}
