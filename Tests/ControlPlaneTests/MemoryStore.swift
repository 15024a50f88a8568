import HTTPHosting
import SessionStore

/// A store in memory that fails when it is told to: what a disk cannot be made to do.
final class MemoryStore: DefinitionStore {
    enum Operation: Sendable {
        case insert, delete

        init(_ change: StoreChange) {
            switch change {
            case .insert, .replace, .remember: self = .insert
            case .delete, .forget: self = .delete
            }
        }
    }

    private struct State {
        var sessions: [String: StoredSession] = [:]
        var answers: [String: StoredAnswer] = [:]
        var failing: Set<Operation> = []

        mutating func make(_ change: StoreChange) {
            switch change {
            case .insert(let session), .replace(let session): sessions[session.name] = session
            case .delete(let name): sessions[name] = nil
            case .remember(let answer): answers[answer.key] = answer
            case .forget(let key): answers[key] = nil
            }
        }
    }

    private let state = HTTPHosting.Locked(State())

    /// The calls that throw from now on.
    func fail(_ operations: Set<Operation>) { state.withLock { $0.failing = operations } }

    var names: [String] { state.withLock { $0.sessions.keys.sorted() } }

    private static let failure = StoreError(.full, "the disk is full")

    func write(_ changes: [StoreChange]) throws(StoreError) {
        try state.withLock { state throws(StoreError) in
            for change in changes where state.failing.contains(Operation(change)) {
                throw Self.failure
            }
            for change in changes { state.make(change) }
        }
    }

    func answers() throws(StoreError) -> [StoredAnswer] {
        state.withLock { state in state.answers.values.sorted { $0.createdAt < $1.createdAt } }
    }

    func all() throws(StoreError) -> [StoredSession] {
        state.withLock { state in state.sessions.values.sorted { $0.name < $1.name } }
    }

    func close() throws(StoreError) {}
}
