/// Where the definitions of persistent sessions are kept.
///
/// A call that returns is durable: its effect is there after a crash of the process or the machine.
/// A call that throws has changed nothing. Calls block for a write to the disk, so they belong on
/// the control thread.
package protocol DefinitionStore: AnyObject, Sendable {
    /// Makes these changes in order, all of them or none.
    func write(_ changes: [StoreChange]) throws(StoreError)

    /// Every session, in the order of their names' bytes.
    func all() throws(StoreError) -> [StoredSession]

    /// Every answer that is remembered, the oldest first.
    func answers() throws(StoreError) -> [StoredAnswer]

    /// Gives the store up for another process. Later calls throw, except another close.
    func close() throws(StoreError)
}

extension DefinitionStore {
    /// Adds a session; ``StoreError/Kind/nameInUse`` if its name or id is taken.
    package func insert(_ session: StoredSession) throws(StoreError) {
        try write([.insert(session)])
    }

    /// Overwrites the session of the same name; ``StoreError/Kind/absent`` if there is none.
    package func replace(_ session: StoredSession) throws(StoreError) {
        try write([.replace(session)])
    }

    /// Removes a session, if there is one.
    package func delete(name: String) throws(StoreError) {
        try write([.delete(name: name)])
    }
}
