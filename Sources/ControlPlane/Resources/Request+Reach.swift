import HTTPHosting
import RelayModel

extension Request {
    /// Whether the session is there for whoever asks. One whose definition cannot be read has
    /// labels that nobody knows, and is there only for those who may reach all.
    func reaches(_ session: ManagedSession) -> Bool {
        reach.map(session.isChosen) ?? true
    }

    /// What chooses the sessions that are there for whoever asks; nil where all are.
    var reach: LabelSelector? { (principal as? Caller)?.selector }

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

    /// Throws `forbidden-scope` when the definition names a session as a target that it did not
    /// name before, and whoever asks may not reach that session. For them there is no difference
    /// between one that is out of reach and none: otherwise they would forward through it as soon
    /// as somebody else has made it.
    func checkTargets(
        _ definition: SessionDefinition,
        replacing present: ManagedSession?,
        reachesTarget: (SessionName) -> Bool
    ) throws(SessionError) {
        guard (principal as? Caller)?.selector != nil else { return }
        let known = Set(present?.definition?.targetSessions ?? []).union([definition.name])
        for (index, target) in definition.forward.enumerated() {
            guard case .session(let name) = target.destination, !known.contains(name),
                !reachesTarget(name)
            else { continue }
            let detail = "the token's selector does not admit a session \(name) that is there"
            throw SessionError(
                .forbiddenScope,
                "forward \(index): \(detail)",
                violations: [FieldViolation(.forward, index: index, .invalid, detail)]
            )
        }
    }
}
