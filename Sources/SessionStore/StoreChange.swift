/// One step of a write to the store.
package enum StoreChange: Sendable, Equatable {
    /// Adds a session; ``StoreError/Kind/nameInUse`` if its name or id is taken.
    case insert(StoredSession)
    /// Overwrites the session of the same name; ``StoreError/Kind/absent`` if there is none.
    case replace(StoredSession)
    /// Removes the session of this name, if there is one.
    case delete(name: String)
    /// Keeps an answer, in place of one with the same key.
    case remember(StoredAnswer)
    /// Removes the answer with this key, if there is one.
    case forget(key: String)
}

/// What a request was answered that a client may repeat.
package struct StoredAnswer: Sendable, Equatable {
    /// What the client calls its request, made unique among clients.
    package var key: String
    /// Tells requests apart that were given the same key.
    package var fingerprint: String
    /// The answer, in a form that the store does not look into.
    package var answer: String
    /// When it was answered, in nanoseconds since 1970 UTC.
    package var createdAt: Int64

    /// An answer from its parts.
    package init(key: String, fingerprint: String, answer: String, createdAt: Int64) {
        self.key = key
        self.fingerprint = fingerprint
        self.answer = answer
        self.createdAt = createdAt
    }
}
