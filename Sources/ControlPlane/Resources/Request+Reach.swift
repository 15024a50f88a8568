import HTTPHosting
import RelayModel

extension Request {
    /// Whether the session is there for whoever asks.
    func reaches(_ session: ManagedSession) -> Bool { reaches(session.labels) }

    /// Whether sessions with these labels are there for whoever asks.
    func reaches(_ labels: [String: String]) -> Bool {
        (principal as? Caller)?.mayReach(labels) ?? true
    }

    /// Throws `forbidden-scope` when whoever asks may not have sessions with these labels.
    func checkReach(_ labels: [String: String]) throws(SessionError) {
        if reaches(labels) { return }
        throw SessionError(
            .forbiddenScope,
            "the token's selector does not admit a session with these labels"
        )
    }

    /// Throws `forbidden-scope` when whoever asks may not have the one session in the other's place.
    func checkReach(
        _ definition: SessionDefinition,
        replacing present: ManagedSession?
    ) throws(SessionError) {
        try checkReach(definition.labels)
        if let present { try checkReach(present.labels) }
    }
}
