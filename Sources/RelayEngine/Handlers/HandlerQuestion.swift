import RelayModel

/// A datagram that a handler is to answer.
struct HandlerQuestion: Sendable {
    let session: RelaySession
    let source: Endpoint
    /// nil when the control message was missing.
    let destination: IPAddress?
    /// The address of this host that it came to; nil = unknown.
    let localAddress: IPAddress?
    /// 0 = unknown.
    let interfaceIndex: Int32
    let ttl: UInt8?
    /// How the answers leave.
    let answerRoute: AnswerRoute
    let payload: [UInt8]

    init(
        _ datagram: ReceivedDatagram,
        _ payload: Span<UInt8>,
        in session: RelaySession,
        answeredBy route: AnswerRoute
    ) {
        self.session = session
        answerRoute = route
        source = datagram.source
        destination = datagram.destination
        localAddress = datagram.localAddress
        interfaceIndex = datagram.interfaceIndex
        ttl = datagram.ttl
        self.payload = [UInt8](copying: payload)
    }

    /// The environment of the command: a PATH, and what is known of the datagram. What is not known
    /// is empty, and without a variable of socat's.
    func environment(_ kind: Handler.Environment) -> [String] {
        let values = [
            ("PEER_ADDRESS", source.address.description),
            ("PEER_PORT", "\(source.port)"),
            ("DESTINATION_ADDRESS", destination?.description ?? ""),
            ("DESTINATION_PORT", "\(session.localEndpoint.port)"),
            ("LOCAL_ADDRESS", localAddress?.description ?? ""),
            ("INTERFACE", interfaceName),
            ("TTL", ttl.map { "\($0)" } ?? ""),
            ("LENGTH", "\(payload.count)"),
            ("SESSION", session.definition.name.description),
        ]
        return [Self.path] + values.map { "RELAYCAST_\($0)=\($1)" }
            + (kind == .socat ? socatVariables : [])
    }

    /// Not the daemon's: what a handler finds does not depend on how the daemon was started.
    private static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Empty when it is not known.
    var interfaceName: String {
        if interfaceIndex == 0 { return "" }
        if let interface = session.path.interface, interface.index == interfaceIndex {
            return interface.name
        }
        return HostNetwork.interfaceName(interfaceIndex) ?? "\(interfaceIndex)"
    }
}
