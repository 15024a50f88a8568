import RelayEngine
import RelayModel
import SessionStore

/// One write to any number of sessions, on the control thread: what must succeed happens step by
/// step, then everything is stored at once, then it is published, which cannot fail. Until it is
/// stored, every step can be undone in reverse.
struct RegistryTransaction {
    let registry: SessionRegistry
    /// The sessions when the write began; nobody else writes.
    let before: SessionDirectory

    private var undos: [() -> Void] = []
    private var storeChanges: [StoreChange] = []
    private var directoryChanges: [(name: SessionName, session: ManagedSession?)] = []
    private var publications: [() -> Void] = []
    private var created = 0

    /// How far a transaction had come. Counts, because a copy of the arrays for each step of a
    /// large set would take time with the square of its size.
    private struct Savepoint {
        var undos = 0
        var storeChanges = 0
        var directoryChanges = 0
        var publications = 0
        var created = 0
    }

    init(_ registry: SessionRegistry) {
        self.registry = registry
        before = registry.snapshot()
    }

    /// Takes a step; what it did before it threw is undone, and earlier steps stay.
    mutating func step<Result>(
        _ body: (inout RegistryTransaction) throws(SessionError) -> Result
    ) throws(SessionError) -> Result {
        let savepoint = Savepoint(
            undos: undos.count,
            storeChanges: storeChanges.count,
            directoryChanges: directoryChanges.count,
            publications: publications.count,
            created: created
        )
        do {
            return try body(&self)
        } catch {
            rollBack(to: savepoint)
            throw error
        }
    }

    /// Undoes everything, in reverse.
    mutating func rollBack() {
        rollBack(to: Savepoint())
    }

    private mutating func rollBack(to savepoint: Savepoint) {
        while undos.count > savepoint.undos { undos.removeLast()() }
        storeChanges.removeLast(storeChanges.count - savepoint.storeChanges)
        directoryChanges.removeLast(directoryChanges.count - savepoint.directoryChanges)
        publications.removeLast(publications.count - savepoint.publications)
        created = savepoint.created
    }

    /// Stores and publishes; where it cannot be stored, everything is undone.
    mutating func commit() throws(SessionError) {
        do {
            try registry.store.write(storeChanges)
        } catch {
            rollBack()
            throw registry.storeFailure(error)
        }
        registry.update(
            Dictionary(directoryChanges.map { ($0.name, $0.session) }) { _, last in last }
        )
        for publication in publications { publication() }
    }

    // MARK: - What a step is made of

    /// Says how to undo what was just done.
    mutating func onRollBack(_ undo: @escaping () -> Void) { undos.append(undo) }

    /// Says what is to be stored.
    mutating func store(_ change: StoreChange) { storeChanges.append(change) }

    /// Says what is to be done when all is stored and readers see it.
    mutating func onPublish(_ publication: @escaping () -> Void) {
        publications.append(publication)
    }

    /// Says which session has the name from then on; nil = none.
    mutating func publish(_ session: ManagedSession?, as name: SessionName) {
        if session != nil && before[name] == nil { created += 1 }
        directoryChanges.append((name, session))
    }

    /// A session will be created, but this is only a rehearsal.
    mutating func countForeseen() { created += 1 }

    /// Sessions there will be, if those that are to be deleted are counted still.
    var sessionCount: Int { before.sessions.count + created }
}
