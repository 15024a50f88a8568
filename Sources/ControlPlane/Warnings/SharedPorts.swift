import RelayModel

/// Which sessions have a port with others: kept for those that are made, changed or deleted, so
/// that a write looks only at the ports that it is about.
struct SharedPorts: Sendable {
    /// A port of all local addresses of a family, as sessions bind it.
    struct Port: Hashable, Sendable {
        let number: UInt16
        let family: IPAddress.Family

        /// nil for a session that does not share its port.
        init?(_ definition: SessionDefinition) {
            guard definition.sharesPort else { return nil }
            number = definition.portToBind
            family = definition.family
        }
    }

    private var sessions: [Port: Set<SessionName>] = [:]

    /// A session has another definition now.
    mutating func replace(
        _ old: SessionDefinition?,
        with new: SessionDefinition?,
        of name: SessionName
    ) {
        let (former, next) = (old.flatMap(Port.init), new.flatMap(Port.init))
        if former == next { return }
        if let former {
            sessions[former]?.remove(name)
            if sessions[former]?.isEmpty == true { sessions[former] = nil }
        }
        if let next { sessions[next, default: []].insert(name) }
    }

    /// The sessions that bind a port when they run.
    func sessions(on port: Port) -> Set<SessionName> { sessions[port] ?? [] }

    /// The ports of several sessions.
    var ports: [Port] { sessions.filter { $0.value.count > 1 }.map(\.key) }
}
