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

    /// Adds a session whose name is free.
    mutating func insert(_ session: ManagedSession) {
        sessions.insert(session, at: index(of: session.name))
    }

    mutating func remove(_ name: SessionName) {
        let index = index(of: name)
        if index < sessions.count && sessions[index].name == name { sessions.remove(at: index) }
    }
}
