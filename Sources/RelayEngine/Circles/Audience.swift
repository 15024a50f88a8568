import RelayModel

/// Who may hear a datagram: the members of a group, those who listen to broadcasts, or those who
/// take what is for this host, on a port.
struct Audience: Hashable {
    private enum Reach: Hashable {
        case group(IPAddress)
        /// Limited and directed ones alike; which network it was is told by `CopyNetwork`.
        case broadcast
        case thisHost
    }

    private let reach: Reach
    private let port: UInt16

    /// nil for what is sent to one host.
    init?(of destination: Endpoint, _ destinationClass: DestinationClass) {
        switch destinationClass {
        case .unicast: return nil
        case .multicast: self.init(.group(destination.address), destination.port)
        case .broadcast: self.init(.broadcast, destination.port)
        }
    }

    private init(_ reach: Reach, _ port: UInt16) {
        self.reach = reach
        self.port = port
    }

    /// Those who hear what is sent to an address of this host.
    static func thisHost(port: UInt16) -> Audience { Audience(.thisHost, port) }

    /// Whether it matters by which interface it hears something.
    var hasLink: Bool { reach != .thisHost }

    /// The audiences that a session is part of.
    static func all(of session: RelaySession) -> [Audience] {
        let definition = session.definition
        let port = session.socket.localEndpoint.port
        var audiences: [Audience] = []
        if definition.joins && definition.accept.contains(.multicast),
            let group = definition.group
        {
            audiences.append(Audience(.group(group), port))
        }
        if definition.accept.contains(.broadcast) { audiences.append(Audience(.broadcast, port)) }
        if definition.accept.contains(.unicast) { audiences.append(.thisHost(port: port)) }
        return audiences
    }
}
