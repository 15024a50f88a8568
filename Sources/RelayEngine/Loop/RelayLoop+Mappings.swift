import RelayModel

/// Targets with `mapReplies`, whose ports answers come to.
extension RelayLoop {
    /// What the poller reports for the ports of such a target: above all slots.
    static let mappedTokens: Range<UInt64> = 1 << 62..<1 << 63

    /// Watches the ports of a target, if it has any.
    mutating func serveMappings(of target: ActiveTarget, _ slot: Int) {
        guard let mappings = target.mappings else { return }
        let token = mappings.token ?? nextMappedToken
        if mappings.token == nil {
            do {
                try poller.add(mappings.number, token: token)
            } catch {
                target.note(error.operation, error.number)
                return target.closeMappings()
            }
            mappings.token = token
            nextMappedToken += 1
        }
        mappedTargets[token] = (target, slot)
    }

    /// The targets of the session in a slot are no longer served. What they have open and is
    /// closed leaves the poller by itself.
    mutating func forgetMappings(of slot: Int) {
        if mappedTargets.isEmpty { return }
        mappedTargets = mappedTargets.filter { $0.value.slot != slot }
    }

    /// Answers have come to the ports of this token.
    mutating func returnAnswers(_ token: UInt64) {
        guard let (target, slot) = mappedTargets[token], let active = slots[slot] else { return }
        active.returnAnswers(of: target, &batch, &outgoing)
    }

    /// Closes the ports that have expired, and shows readers what has changed.
    func tickMappings(at now: Int64) {
        for (target, _) in mappedTargets.values {
            guard let mappings = target.mappings, let due = mappings.nextDue, due <= now else {
                continue
            }
            mappings.tick(at: now)
        }
    }

    /// When `tickMappings` has something to do; nil = never, as things are.
    var nextMappingDue: Int64? {
        if mappedTargets.isEmpty { return nil }
        return mappedTargets.values.lazy.compactMap { $0.target.mappings?.nextDue }.min()
    }
}
