/// One persistent session as the store keeps it; what its definition means is not the store's concern.
package struct StoredSession: Sendable, Equatable {
    /// The name that the client chose; unique, 1–63 characters.
    package var name: String
    /// The UUID of this incarnation in its 36-character text form; unique.
    package var id: String
    /// The kind of session, such as `multicast-receiver`; not empty.
    package var kind: String
    /// The definition as JSON text. SQLite checks that it is well-formed, nothing more.
    package var definition: String
    /// How often the definition was written, from 1.
    package var generation: Int
    /// When the session was created, in nanoseconds since 1970 UTC.
    package var createdAt: Int64
    /// When the definition was last written, in nanoseconds since 1970 UTC. The wall clock may have
    /// stepped back in between, so this can be less than ``createdAt``.
    package var updatedAt: Int64

    /// A session from its parts.
    package init(
        name: String,
        id: String,
        kind: String,
        definition: String,
        generation: Int,
        createdAt: Int64,
        updatedAt: Int64
    ) {
        self.name = name
        self.id = id
        self.kind = kind
        self.definition = definition
        self.generation = generation
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}
