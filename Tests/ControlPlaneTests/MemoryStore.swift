import HTTPHosting
import SessionStore

/// A store in memory that fails when it is told to: what a disk cannot be made to do.
final class MemoryStore: DefinitionStore {
    enum Operation: Sendable { case insert, delete }

    private struct State {
        var sessions: [String: StoredSession] = [:]
        var failing: Set<Operation> = []
    }

    private let state = HTTPHosting.Locked(State())

    /// The calls that throw from now on.
    func fail(_ operations: Set<Operation>) { state.withLock { $0.failing = operations } }

    var names: [String] { state.withLock { $0.sessions.keys.sorted() } }

    private static let failure = StoreError(.full, "the disk is full")

    func insert(_ session: StoredSession) throws(StoreError) {
        try state.withLock { state throws(StoreError) in
            if state.failing.contains(.insert) { throw Self.failure }
            state.sessions[session.name] = session
        }
    }

    func replace(_ session: StoredSession) throws(StoreError) { try insert(session) }

    func delete(name: String) throws(StoreError) -> Bool {
        try state.withLock { state throws(StoreError) in
            if state.failing.contains(.delete) { throw Self.failure }
            return state.sessions.removeValue(forKey: name) != nil
        }
    }

    func all() throws(StoreError) -> [StoredSession] {
        state.withLock { state in state.sessions.values.sorted { $0.name < $1.name } }
    }

    func close() throws(StoreError) {}
}
