import RelayModel

/// How a set of definitions is applied.
struct ApplyOptions: Sendable {
    /// Says what would be done, and does nothing.
    var isDryRun = false
    /// Does all or nothing.
    var isAtomic = false
    /// Also deletes the sessions that it chooses and the set does not have.
    var prune: LabelSelector?
}

/// What became of one session of a set.
struct ApplyResult: Sendable {
    let name: SessionName
    let outcome: WriteOutcome
    /// Why it failed.
    var error: SessionError?
    /// The fields of an updated session that differ, in the order of `SessionField`.
    var changed: [SessionField] = []
    /// The definition before, of an updated session.
    var before: SessionDefinition?
    /// Whether an updated session is opened anew, with another id.
    var isReopened = false
}

/// A set that was to be applied wholly, and was not applied at all.
struct ApplyFailure: Error {
    /// The index of the definition that was refused; nil where a deletion or the store failed.
    let index: Int?
    let error: SessionError
}

extension SessionRegistry {
    /// Throws where whoever asks may not do that to a session; asked again once it is known which
    /// sessions the set makes.
    typealias Admits = (
        _ definition: SessionDefinition,
        _ isMade: (SessionName) -> Bool
    ) throws(SessionError) -> Void

    /// Makes the sessions be as they are defined; the results are in the order of the definitions,
    /// then come the deleted ones. Names are unique. On the control thread.
    ///
    /// - Parameter admits: throws where whoever asks may not do that to a session.
    func apply(
        _ definitions: [SessionDefinition],
        _ options: ApplyOptions,
        _ context: WriteContext,
        admits: Admits,
        reaches: (ManagedSession) -> Bool
    ) throws(ApplyFailure) -> [ApplyResult] {
        // Definitions that must not forward as they would: a set is looked at as a whole. What
        // fails for another reason stays as it was, which can make others impossible; then it is
        // all done again without them.
        var refused: [SessionName: SessionError] = [:]
        var attempts = 0
        while true {
            attempts += 1
            var transaction = RegistryTransaction(self)
            transaction.checksTargets = false
            let attempt = try attempt(
                definitions,
                options,
                context,
                admits,
                reaches,
                isLast: attempts == Self.refusalRoundsMax,
                &refused,
                &transaction
            )
            guard let results = attempt else {
                transaction.rollBack()
                continue
            }
            do throws(SessionError) {
                if !options.isDryRun { try transaction.commit() }
            } catch {
                throw ApplyFailure(index: nil, error: error)
            }
            return results
        }
    }

    /// Takes all steps but the last; nil where more definitions are refused than it was said.
    private func attempt(
        _ definitions: [SessionDefinition],
        _ options: ApplyOptions,
        _ context: WriteContext,
        _ admits: Admits,
        _ reaches: (ManagedSession) -> Bool,
        isLast: Bool,
        _ refused: inout [SessionName: SessionError],
        _ transaction: inout RegistryTransaction
    ) throws(ApplyFailure) -> [ApplyResult]? {
        // First, so that what is made finds their ports free, and room.
        let pruned: [ApplyResult]
        do throws(SessionError) {
            pruned = try prune(definitions, options, context, reaches, &transaction)
        } catch {
            throw ApplyFailure(index: nil, error: error)
        }
        var outlook = SetOutlook(
            taken: Dictionary(uniqueKeysWithValues: definitions.map { ($0.name, $0) }),
            deleted: Set(pruned.map(\.name)),
            before: transaction.before
        )
        for name in refused.keys { outlook.taken[name] = nil }
        let refusals = isLast ? Self.refuseAll(in: outlook) : Self.refusals(in: outlook, context)
        refused.merge(refusals) { first, _ in first }
        if options.isAtomic && !options.isDryRun { transaction.retireReplaced(definitions) }
        var results: [ApplyResult] = []
        for (index, definition) in definitions.enumerated() {
            do throws(SessionError) {
                try admits(definition) { outlook.taken[$0] != nil }
                if let refusal = refused[definition.name] { throw refusal }
                results.append(try transaction.apply(definition, options, context))
            } catch {
                if options.isAtomic {
                    transaction.rollBack()
                    throw ApplyFailure(index: index, error: error)
                }
                results.append(
                    ApplyResult(name: definition.name, outcome: .failed, error: error)
                )
            }
        }
        for result in results where result.outcome == .failed { outlook.taken[result.name] = nil }
        var more = Self.refusals(in: outlook, context)
        // What names a session that this set was to make, and did not.
        for definition in definitions where outlook.taken[definition.name] != nil {
            do throws(SessionError) {
                try admits(definition) { outlook.taken[$0] != nil }
            } catch {
                more[definition.name] = error
            }
        }
        refused.merge(more) { first, _ in first }
        return more.isEmpty ? results + pruned : nil
    }

    private func prune(
        _ definitions: [SessionDefinition],
        _ options: ApplyOptions,
        _ context: WriteContext,
        _ reaches: (ManagedSession) -> Bool,
        _ transaction: inout RegistryTransaction
    ) throws(SessionError) -> [ApplyResult] {
        guard let selector = options.prune else { return [] }
        let kept = Set(definitions.map(\.name))
        var results: [ApplyResult] = []
        for session in transaction.before.sessions
        where session.origin == context.origin && session.isChosen(by: selector)
            && !kept.contains(session.name) && reaches(session)
        {
            if options.isDryRun {
                transaction.foreseeDeletion()
            } else {
                try transaction.delete(session, context)
            }
            results.append(ApplyResult(name: session.name, outcome: .deleted))
        }
        return results
    }
}

extension RegistryTransaction {
    /// Lets every definition have the ports of all sessions that get other sockets, so that two can
    /// change places. Only where all is undone if one fails.
    fileprivate mutating func retireReplaced(_ definitions: [SessionDefinition]) {
        for definition in definitions {
            guard let old = before[definition.name], old.running != nil,
                let present = old.definition, present != definition,
                !definition.enabled || !present.canChangeInPlace(to: definition)
            else { continue }
            retire(old)
        }
    }

    /// Does, or with a dry run foresees, what one definition asks for.
    fileprivate mutating func apply(
        _ definition: SessionDefinition,
        _ options: ApplyOptions,
        _ context: WriteContext
    ) throws(SessionError) -> ApplyResult {
        let old = before[definition.name]
        let outcome =
            options.isDryRun
            ? try foresee(definition, old, context)
            : try step { transaction throws(SessionError) in
                try transaction.put(definition, .none, context).1
            }
        var result = ApplyResult(name: definition.name, outcome: outcome)
        if outcome == .updated {
            let changed = old?.definition.map(definition.fieldsChanged(from:)) ?? []
            result.changed = SessionField.allCases.filter(changed.contains)
            result.before = old?.definition
            result.isReopened = !(old?.definition?.canChangeInPlace(to: definition) ?? false)
        }
        return result
    }
}
