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

    /// Whether each step looks whether what it is about may forward to the sessions that it names;
    /// a set is looked at as a whole.
    var checksTargets = true

    /// What there is to do and to undo, as it was after some step.
    private struct Extent {
        var undos = 0
        var storeChanges = 0
        var directoryChanges = 0
        var swaps = 0
        var publications = 0
        var retiring = 0
        var vacated = 0
        var growth = 0
    }

    // All of them only grow, so that a step is undone in time proportional to the step.
    private var undos: [() -> Void] = []
    private var storeChanges: [StoreChange] = []
    private var directoryChanges: [(name: SessionName, session: ManagedSession?)] = []
    private var swaps: [() -> Void] = []
    private var publications: [() -> Void] = []
    private var retiring: [ManagedSession] = []
    private var vacated: [SessionID] = []
    /// Sessions there will be more than before.
    private var growth = 0

    init(_ registry: SessionRegistry) {
        self.registry = registry
        before = registry.snapshot()
    }

    /// Takes a step; what it did before it threw is undone, and earlier steps stay.
    mutating func step<Result>(
        _ body: (inout RegistryTransaction) throws(SessionError) -> Result
    ) throws(SessionError) -> Result {
        let extent = extent
        do {
            return try body(&self)
        } catch {
            rollBack(to: extent)
            throw error
        }
    }

    /// Undoes everything, in reverse.
    mutating func rollBack() { rollBack(to: Extent()) }

    private var extent: Extent {
        Extent(
            undos: undos.count,
            storeChanges: storeChanges.count,
            directoryChanges: directoryChanges.count,
            swaps: swaps.count,
            publications: publications.count,
            retiring: retiring.count,
            vacated: vacated.count,
            growth: growth
        )
    }

    private mutating func rollBack(to extent: Extent) {
        let interrupted = vacated.dropFirst(extent.vacated)
        for undo in undos.dropFirst(extent.undos).reversed() { undo() }
        if !interrupted.isEmpty {
            // They have been opened last now, on ports that others may have, too.
            registry.reviewWarningsAgain()
        }
        undos.removeSubrange(extent.undos...)
        storeChanges.removeSubrange(extent.storeChanges...)
        directoryChanges.removeSubrange(extent.directoryChanges...)
        swaps.removeSubrange(extent.swaps...)
        publications.removeSubrange(extent.publications...)
        retiring.removeSubrange(extent.retiring...)
        vacated.removeSubrange(extent.vacated...)
        growth = extent.growth
    }

    /// Stores and publishes; where it cannot be stored, everything is undone.
    mutating func commit() throws(SessionError) {
        do {
            try registry.store.write(storeChanges)
        } catch {
            rollBack()
            throw registry.storeFailure(error)
        }
        for swap in swaps { swap() }
        let changes = Dictionary(directoryChanges.map { ($0.name, $0.session) }) { $1 }
        registry.update(changes)
        for publication in publications { publication() }
        registry.reviewWarnings(of: changes.keys, on: formerPorts(of: changes.keys))
        self = RegistryTransaction(registry)
    }

    /// The ports that sessions had before.
    private func formerPorts(of names: some Collection<SessionName>) -> Set<SharedPorts.Port> {
        Set(names.compactMap { before[$0]?.definition.flatMap(SharedPorts.Port.init) })
    }

    // MARK: - What a step is made of

    /// Says how to undo what was just done.
    mutating func onRollBack(_ undo: @escaping () -> Void) { undos.append(undo) }

    /// Says what is to be stored.
    mutating func store(_ change: StoreChange) { storeChanges.append(change) }

    /// Says what is to be done when all is stored, before readers see it: sockets change places.
    mutating func onStored(_ swap: @escaping () -> Void) { swaps.append(swap) }

    /// Says what is to be done when all is stored and readers see it.
    mutating func onPublish(_ publication: @escaping () -> Void) {
        publications.append(publication)
    }

    /// Says which session has the name from then on; nil = none.
    mutating func publish(_ session: ManagedSession?, as name: SessionName) {
        if let session, let definition = session.definition {
            session.setTargetSessions(before.targets(of: definition))
        }
        directoryChanges.append((name, session))
        growth += (session == nil ? 0 : 1) - (before[name] == nil ? 0 : 1)
    }

    /// A session will be created, but this is only a rehearsal.
    mutating func foreseeCreation() { growth += 1 }

    /// A session will be deleted, but this is only a rehearsal.
    mutating func foreseeDeletion() { growth -= 1 }

    /// Sessions there will be.
    var sessionCount: Int { before.sessions.count + growth }

    // MARK: - Ports

    /// Says that a session's socket is closed when all is published, or as soon as another session
    /// needs its port.
    mutating func retire(_ session: ManagedSession) { retiring.append(session) }

    /// The sessions whose sockets are closed by this write.
    var retiringNames: Set<SessionName> { Set(retiring.map(\.name)) }

    /// Whether the port of a session would be free if the retiring ones let go of it, as far as can be
    /// said before they do: a write that fails all the same has interrupted them for nothing.
    func canVacate(for definition: SessionDefinition) -> Bool {
        if holders(of: definition.portToBind).isEmpty { return false }
        // Who shares a port finds it taken only by one that does not, which then is alone there.
        if definition.sharesPort { return true }
        let port = definition.portToBind
        return !RelaySession.isTaken(port, definition.family, besides: holders(of: port))
    }

    private func holders(of port: UInt16) -> [RelaySession] {
        retiring.filter { !vacated.contains($0.id) }.compactMap(\.running)
            .filter { $0.localEndpoint.port == port }
    }

    /// Closes the retiring sessions' sockets that hold a port now; whether there were any.
    mutating func vacate(_ port: UInt16) -> Bool {
        let holders = retiring.filter { session in
            session.running?.localEndpoint.port == port && !vacated.contains(session.id)
        }
        for holder in holders {
            // One can be retiring twice over.
            guard let running = holder.running, !vacated.contains(holder.id) else { continue }
            registry.engine.stop(running)
            vacated.append(holder.id)
            onRollBack { [registry] in registry.tryToStart(holder) }
        }
        return !holders.isEmpty
    }
}
