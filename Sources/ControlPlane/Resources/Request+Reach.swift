import HTTPHosting
import RelayModel

extension Request {
    /// Whether the session is there for whoever asks. One whose definition cannot be read has
    /// labels that nobody knows, and is there only for those who may reach all.
    func reaches(_ session: ManagedSession) -> Bool {
        guard let selector = (principal as? Caller)?.selector else { return true }
        return session.isReadable && selector.admits(session.labels)
    }

    /// Whether sessions with these labels are there for whoever asks.
    func reaches(_ labels: [String: String]) -> Bool {
        (principal as? Caller)?.mayReach(labels) ?? true
    }

    /// Throws `forbidden-scope` when whoever asks may not have sessions with these labels.
    func checkReach(_ labels: [String: String]) throws(SessionError) {
        if !reaches(labels) { throw Self.outOfReach }
    }

    private static let outOfReach = SessionError(
        .forbiddenScope,
        "the token's selector does not admit a session with these labels"
    )

    /// Throws `forbidden-scope` when whoever asks may not have the one session in the other's place.
    func checkReach(
        _ definition: SessionDefinition,
        replacing present: ManagedSession?
    ) throws(SessionError) {
        try checkReach(definition.labels)
        if let present, !reaches(present) { throw Self.outOfReach }
    }
}
