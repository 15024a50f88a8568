import HTTPHosting
import RelayEngine
import RelayModel
import SessionStore

extension StoredSession {
    /// What the store keeps: the definition in the form of the API.
    init(_ session: ManagedSession, _ definition: SessionDefinition) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.members(of: definition)
        writer.endObject()
        self.init(
            name: session.name.description,
            id: session.id.description,
            kind: session.kind.rawValue,
            definition: String(decoding: writer.bytes, as: UTF8.self),
            generation: session.generation,
            createdAt: session.createdAt.nanoseconds,
            updatedAt: session.updatedAt.nanoseconds
        )
    }
}

extension ManagedSession {
    /// A session from the store; failed when its definition cannot be read.
    convenience init(restoring stored: StoredSession) {
        let now = HostNetwork.now()
        let created = Timestamp(nanoseconds: stored.createdAt)
        let definition: SessionDefinition?
        let status: SessionStatus
        do throws(Problem) {
            let decoded = try SessionDefinition(
                decoding: JSONValue(parsing: Array(stored.definition.utf8))
            )
            status = Self.initialStatus(decoded, since: now)
            definition = decoded
        } catch {
            definition = nil
            status = SessionStatus(
                .failed,
                since: now,
                reason: SessionError(
                    .definitionUnreadable,
                    "the stored definition cannot be read (\(error.detail)); put a whole one in its "
                        + "place, or delete the session"
                )
            )
        }
        self.init(
            name: SessionName(stored.name) ?? SessionName.generated(for: .broadcast),
            storedName: stored.name,
            kind: SessionKind(rawValue: stored.kind) ?? .broadcast,
            id: SessionID(stored.id) ?? SessionID(createdAt: created),
            origin: .api,
            generation: stored.generation,
            createdAt: created,
            updatedAt: Timestamp(nanoseconds: stored.updatedAt),
            definition: definition,
            status: status
        )
    }
}
