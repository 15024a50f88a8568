import RelayModel

/// Which sessions forward to which: kept for those whose target is made, changed or deleted.
struct TargetReferences: Sendable {
    /// The sessions that name a session as their target.
    private var referrers: [SessionName: Set<SessionName>] = [:]

    /// A session's targets are others now.
    mutating func replace(
        _ old: SessionDefinition?,
        with new: SessionDefinition?,
        of name: SessionName
    ) {
        for target in old?.targetSessions ?? [] {
            referrers[target]?.remove(name)
            if referrers[target]?.isEmpty == true { referrers[target] = nil }
        }
        for target in new?.targetSessions ?? [] { referrers[target, default: []].insert(name) }
    }

    /// The sessions that forward to one of these.
    func sessions(forwardingTo names: some Sequence<SessionName>) -> Set<SessionName> {
        names.reduce(into: []) { $0.formUnion(referrers[$1] ?? []) }
    }
}
