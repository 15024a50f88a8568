import RelayModel

/// All sessions, sorted by name: a value that readers copy and nobody changes under them.
struct SessionDirectory: Sendable {
    private(set) var sessions: [ManagedSession] = []

    subscript(name: SessionName) -> ManagedSession? {
        let index = index(of: name)
        return index < sessions.count && sessions[index].name == name ? sessions[index] : nil
    }

    /// The index of the first session whose name is not before this one.
    func index(of name: SessionName) -> Int {
        var range = 0..<sessions.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if sessions[middle].name < name {
                range = middle + 1..<range.upperBound
            } else {
                range = range.lowerBound..<middle
            }
        }
        return range.lowerBound
    }

    /// The sessions that a definition forwards to, as far as they exist.
    func targets(of definition: SessionDefinition) -> [SessionName: ManagedSession] {
        var targets: [SessionName: ManagedSession] = [:]
        for name in definition.targetSessions { targets[name] = self[name] }
        return targets
    }

    /// Adds a session whose name is free.
    mutating func insert(_ session: ManagedSession) {
        sessions.insert(session, at: index(of: session.name))
    }

    /// Puts sessions in the places of those of the same names, adds others, and removes those for
    /// whose names there is nil; in time proportional to all, not to their product.
    mutating func update(_ changes: [SessionName: ManagedSession?]) {
        if changes.count == 1, let change = changes.first {
            let index = index(of: change.key)
            let exists = index < sessions.count && sessions[index].name == change.key
            switch change.value {
            case let session? where exists: sessions[index] = session
            case let session?: sessions.insert(session, at: index)
            case nil where exists: sessions.remove(at: index)
            case nil: break
            }
            return
        }
        var merged = sessions.filter { changes[$0.name] == nil }
        merged.append(contentsOf: changes.values.compactMap(\.self))
        merged.sort { $0.name < $1.name }
        sessions = merged
    }
}
