import HTTPHosting
import RelayModel

/// The conditions under which a client wants its write to happen (RFC 9110 section 13).
struct Preconditions: Sendable {
    /// The client means one of these versions.
    let ifMatch: EntityTagCondition?
    /// The client means none of these versions.
    let ifNoneMatch: EntityTagCondition?

    /// No condition.
    static let none = Preconditions(ifMatch: nil, ifNoneMatch: nil)

    /// Throws `precondition-failed` when the session, or its absence, is not what the client means.
    func check(_ session: ManagedSession?, _ name: SessionName) throws(SessionError) {
        if let ifMatch, !ifMatch.matchesStrongly(session?.entityTag) {
            throw failed("If-Match", session, name)
        }
        if let ifNoneMatch, ifNoneMatch.matchesWeakly(session?.entityTag) {
            throw failed("If-None-Match", session, name)
        }
    }

    private func failed(
        _ field: String,
        _ session: ManagedSession?,
        _ name: SessionName
    ) -> SessionError {
        let present = session.map { "is \($0.entityTag) now" } ?? "does not exist"
        return SessionError(
            .preconditionFailed,
            "session \(name) \(present), which \(field) does not allow; read it again"
        )
    }
}

extension Preconditions {
    /// Reads both fields; throws `invalid-header`.
    init(_ request: Request) throws(Problem) {
        self.init(
            ifMatch: try EntityTagCondition(request, .ifMatch),
            ifNoneMatch: try EntityTagCondition(request, .ifNoneMatch)
        )
    }
}
