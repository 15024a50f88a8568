import RelayModel

// Which sessions may forward to which: over the definitions as they are after a write.
extension SessionRegistry {
    /// Most sessions of a circle that an error names.
    static let circleNamesMax = 16
    /// Most circles of one set that are looked for one by one; members of further ones are told
    /// how many are in theirs.
    static let circleSearchesMax = 64
    /// How often a set is looked at again because what is refused closes another circle; after
    /// that, and after as many attempts to apply it, all that would forward to more is refused.
    static let refusalRoundsMax = 8

    /// Throws where one definition must not forward to a session that it names and did not before.
    func checkTargets(
        of definition: SessionDefinition,
        replacing old: SessionDefinition?,
        in directory: SessionDirectory,
        _ context: WriteContext
    ) throws(SessionError) {
        guard definition.forwardsToMore(than: old) else { return }
        func after(_ name: SessionName) -> SessionDefinition? {
            name == definition.name ? definition : directory[name]?.definition
        }
        if let refusal = Self.refusal(ofReceivers: definition, replacing: old, after) {
            throw refusal
        }
        let graph = ForwardGraph { after($0)?.targetSessions ?? [] }
        guard let circle = graph.circle(through: definition.name) else { return }
        throw Self.forwardLoop(circle, definition) { name in
            name == definition.name || (directory[name].map(context.names) ?? true)
        }
    }

    /// Why a session that exists must not start; nil where it may. A circle can only come from the
    /// store of another version, or from a configuration file that has met the store.
    func loop(through session: ManagedSession) -> SessionError? {
        guard let definition = session.definition, !definition.targetSessions.isEmpty else {
            return nil
        }
        let directory = snapshot()
        let graph = ForwardGraph { directory[$0]?.definition?.targetSessions ?? [] }
        guard let circle = graph.circle(through: session.name) else { return nil }
        return Self.forwardLoop(circle, definition) { _ in true }
    }

    /// What a set of definitions would leave behind.
    struct SetOutlook {
        /// The definitions of the set that are taken.
        var taken: [SessionName: SessionDefinition]
        /// The sessions that are deleted.
        let deleted: Set<SessionName>
        let before: SessionDirectory

        func after(_ name: SessionName) -> SessionDefinition? {
            if let definition = taken[name] { return definition }
            return deleted.contains(name) ? nil : before[name]?.definition
        }

        /// The definitions that would forward to more sessions than they did.
        var changed: [SessionDefinition] {
            taken.values.filter { $0.forwardsToMore(than: before[$0.name]?.definition) }
        }
    }

    /// Which definitions of a set must not be taken, as they name a session that they did not name
    /// before, and it would only receive, or they would be in a circle; whatever their order.
    static func refusals(
        in outlook: SetOutlook,
        _ context: WriteContext
    ) -> [SessionName: SessionError] {
        var outlook = outlook
        var refused: [SessionName: SessionError] = [:]
        // What is refused stays as it was, and that may close another circle.
        for _ in 0..<refusalRoundsMax {
            let more = newRefusals(in: outlook, context)
            if more.isEmpty { return refused }
            refused.merge(more) { first, _ in first }
            for name in more.keys { outlook.taken[name] = nil }
        }
        return refused.merging(refuseAll(in: outlook)) { first, _ in first }
    }

    /// Refuses every definition of a set that would forward to more sessions than it did.
    static func refuseAll(in outlook: SetOutlook) -> [SessionName: SessionError] {
        let changed = outlook.changed
        let refusals = changed.map { definition in
            (definition.name, forwardLoop([], definition, amongst: changed.count) { _ in true })
        }
        return Dictionary(uniqueKeysWithValues: refusals)
    }

    /// Which definitions of a set that is alone must not be taken, by their indexes.
    static func refusals(
        among definitions: [SessionDefinition]
    ) -> [(index: Int, error: SessionError)] {
        let outlook = SetOutlook(
            taken: Dictionary(definitions.map { ($0.name, $0) }) { first, _ in first },
            deleted: [],
            before: SessionDirectory()
        )
        let refused = refusals(in: outlook, .configuration)
        return definitions.enumerated().compactMap { index, definition in
            refused[definition.name].map { (index, $0) }
        }
    }

    private static func newRefusals(
        in outlook: SetOutlook,
        _ context: WriteContext
    ) -> [SessionName: SessionError] {
        let changed = outlook.changed
        if changed.isEmpty { return [:] }
        var refused: [SessionName: SessionError] = [:]
        for definition in changed {
            refused[definition.name] = refusal(
                ofReceivers: definition,
                replacing: outlook.before[definition.name]?.definition,
                outlook.after
            )
        }
        let graph = ForwardGraph { outlook.after($0)?.targetSessions ?? [] }
        let byName = Dictionary(changed.map { ($0.name, $0) }) { first, _ in first }
        var searches = 0
        for members in graph.circles(from: changed.map(\.name)) {
            for definition in members.compactMap({ byName[$0] }) {
                searches += 1
                let circle =
                    searches <= circleSearchesMax
                    ? graph.circle(through: definition.name) : nil
                refused[definition.name] = forwardLoop(
                    circle ?? [],
                    definition,
                    amongst: members.count
                ) { name in
                    outlook.taken[name] != nil || (outlook.before[name].map(context.names) ?? true)
                }
            }
        }
        return refused
    }

    /// Why a definition must not name a session that only receives.
    private static func refusal(
        ofReceivers definition: SessionDefinition,
        replacing old: SessionDefinition?,
        _ after: (SessionName) -> SessionDefinition?
    ) -> SessionError? {
        let known = Set(old?.targetSessions ?? [])
        for (index, target) in definition.forward.enumerated() {
            guard case .session(let name) = target.destination, !known.contains(name),
                after(name)?.sends == false
            else { continue }
            let detail = "session \(name) only receives; forward to a sender or a peer"
            return SessionError(
                .cannotSend,
                "forward \(index): \(detail)",
                violations: [FieldViolation(.forward, index: index, .invalid, detail)]
            )
        }
        return nil
    }

    /// What somebody wants who has two sessions forward to each other.
    private static let bothWays =
        "; to relay both ways, make two sessions that each receive one side and forward to the other "
        + "side by address, or to a sender there (README.md, Relaying)"

    /// - Parameters:
    ///   - circle: from the session and back to it; empty where it was not looked for.
    ///   - members: how many sessions are in circles together.
    ///   - isNamed: whether a session may be named to whoever asks.
    private static func forwardLoop(
        _ circle: [SessionName],
        _ definition: SessionDefinition,
        amongst members: Int = 0,
        isNamed: (SessionName) -> Bool
    ) -> SessionError {
        var words = circle.prefix(circleNamesMax).map {
            isNamed($0) ? $0.description : "another session"
        }
        if circle.count > circleNamesMax { words += ["…", definition.name.description] }
        let path =
            circle.isEmpty
            ? "\(definition.name) is one of \(members) sessions that forward in circles"
            : words.joined(separator: " → ")
        let isBothWays = Set(circle).count == 2
        let detail = "what is forwarded would come back: \(path)" + (isBothWays ? bothWays : "")
        let index = definition.forward.firstIndex { target in
            guard case .session(let name) = target.destination else { return false }
            return circle.count < 2 || name == circle[1]
        }
        return SessionError(
            .forwardLoop,
            detail,
            violations: [FieldViolation(.forward, index: index, .invalid, detail)]
        )
    }
}

extension SessionDefinition {
    /// Whether it names a session as a target that the other definition does not name.
    fileprivate func forwardsToMore(than old: SessionDefinition?) -> Bool {
        let names = targetSessions
        return !names.isEmpty && !Set(names).isSubset(of: old?.targetSessions ?? [])
    }
}
