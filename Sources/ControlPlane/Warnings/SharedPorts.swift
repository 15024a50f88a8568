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

    /// Most ports have one session.
    private enum Sharers {
        case one(SessionName)
        case many(Set<SessionName>)

        var names: Set<SessionName> {
            switch self {
            case .one(let name): [name]
            case .many(let names): names
            }
        }

        init?(_ names: Set<SessionName>) {
            guard let first = names.first else { return nil }
            self = names.count == 1 ? .one(first) : .many(names)
        }
    }

    private var sharers: [Port: Sharers] = [:]

    /// A session has another definition now.
    mutating func replace(
        _ old: SessionDefinition?,
        with new: SessionDefinition?,
        of name: SessionName
    ) {
        let (former, next) = (old.flatMap(Port.init), new.flatMap(Port.init))
        if former == next { return }
        if let former { change(former) { $0.remove(name) } }
        if let next { change(next) { $0.insert(name) } }
    }

    private mutating func change(_ port: Port, _ body: (inout Set<SessionName>) -> Void) {
        // Taken out meanwhile, so that a large set is not copied.
        var names = sharers.removeValue(forKey: port)?.names ?? []
        body(&names)
        sharers[port] = Sharers(names)
    }

    /// The sessions that bind a port when they run.
    func sessions(on port: Port) -> Set<SessionName> { sharers[port]?.names ?? [] }

    /// The ports of several sessions.
    var ports: [Port] {
        sharers.compactMap { port, sharers in
            if case .many = sharers { port } else { nil }
        }
    }
}
