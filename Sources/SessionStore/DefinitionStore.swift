/// Where the definitions of persistent sessions are kept.
///
/// A call that returns is durable: its effect is there after a crash of the process or the machine.
/// A call that throws has changed nothing. Calls block for a write to the disk, so they belong on
/// the control thread.
package protocol DefinitionStore: AnyObject, Sendable {
    /// Adds a session; ``StoreError/Kind/nameInUse`` if its name or id is taken.
    func insert(_ session: StoredSession) throws(StoreError)

    /// Overwrites the session of the same name; ``StoreError/Kind/absent`` if there is none.
    func replace(_ session: StoredSession) throws(StoreError)

    /// Removes a session; answers whether there was one.
    @discardableResult
    func delete(name: String) throws(StoreError) -> Bool

    /// Every session, in the order of their names' bytes.
    func all() throws(StoreError) -> [StoredSession]

    /// Gives the store up for another process. Later calls throw, except another close.
    func close() throws(StoreError)
}
