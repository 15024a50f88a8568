import RelayModel

/// The order in which sessions are restored: by their names, but of those that want one port and
/// cannot all have it, those first that had it.
///
/// A session that may not wait has run when it was made; one that waits has perhaps never run.
enum RestoringOrder {
    private struct Port: Hashable {
        let number: UInt16
        let family: IPAddress.Family

        /// nil for a session to which the kernel gives any port.
        init?(_ definition: SessionDefinition) {
            guard definition.enabled, definition.portToBind != 0 else { return nil }
            number = definition.portToBind
            family = definition.family
        }
    }

    /// The same sessions in the order to restore them in.
    static func sorted(_ sessions: [ManagedSession]) -> [ManagedSession] {
        let unshared = Set(
            sessions.compactMap { session -> Port? in
                guard let definition = session.definition, !definition.sharesPort else {
                    return nil
                }
                return Port(definition)
            }
        )
        if unshared.isEmpty { return sessions }
        let ranks = sessions.map { rank($0, unshared) }
        return sessions.indices.sorted { (ranks[$0], $0) < (ranks[$1], $1) }.map { sessions[$0] }
    }

    private static func rank(_ session: ManagedSession, _ unshared: Set<Port>) -> Int {
        guard let definition = session.definition, let port = Port(definition),
            unshared.contains(port)
        else { return 4 }
        return (session.mayWait(as: definition) ? 2 : 0) + (definition.sharesPort ? 1 : 0)
    }
}
