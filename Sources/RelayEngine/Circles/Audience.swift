import RelayModel

/// Who may hear a datagram: the members of a group, or those who listen to broadcasts, on a port.
struct Audience: Hashable {
    /// nil = broadcasts, limited and directed alike.
    let group: IPAddress?
    let port: UInt16

    init(group: IPAddress?, port: UInt16) {
        self.group = group
        self.port = port
    }

    /// nil for what is sent to one host.
    init?(of destination: Endpoint, _ destinationClass: DestinationClass) {
        switch destinationClass {
        case .unicast: return nil
        case .multicast: self.init(group: destination.address, port: destination.port)
        case .broadcast: self.init(group: nil, port: destination.port)
        }
    }

    /// The audiences that a session is part of.
    static func all(of session: RelaySession) -> [Audience] {
        let definition = session.definition
        let port = session.socket.localEndpoint.port
        var audiences: [Audience] = []
        if definition.joins && definition.accept.contains(.multicast) {
            audiences.append(Audience(group: definition.group, port: port))
        }
        if definition.accept.contains(.broadcast) {
            audiences.append(Audience(group: nil, port: port))
        }
        return audiences
    }
}
