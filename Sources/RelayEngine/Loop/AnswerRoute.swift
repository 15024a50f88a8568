import RelayModel

/// How an answer leaves.
struct AnswerRoute: Hashable, Sendable {
    let destination: Endpoint
    /// The outbound interface; 0 = by route.
    let interfaceIndex: Int32
    /// The address of this host that it leaves by; nil = the kernel's choice.
    var localAddress: IPAddress?
    /// The address of this host that was asked; nil = unknown, or the answer goes to all.
    var asked: IPAddress?
    /// Whether the destination is a group or broadcast address.
    var isToAll = false
    /// nil = the socket's.
    var ttl: UInt8?
    /// nil = the socket's.
    var dscp: UInt8?
}

extension AnswerRoute {
    /// To who asked: by the link of the question where it is a neighbour there, else by route.
    ///
    /// - Parameters:
    ///   - address: the address of this host that the question came to; nil = the kernel's choice.
    ///   - index: the interface that the question came in by; 0 = unknown.
    init(
        to asker: Endpoint,
        from address: IPAddress?,
        askedBy index: Int32,
        in networks: OnLinkNetworks,
        ttl: UInt8?
    ) {
        destination = asker
        interfaceIndex = networks.interface(toAnswer: asker, askedBy: index)
        localAddress = networks.source(
            address,
            toAnswer: asker.address,
            by: interfaceIndex
        )
        asked = address
        self.ttl = ttl
    }

    /// The same, as the interfaces are now: an answer may take its time.
    func refreshed(in networks: OnLinkNetworks) -> AnswerRoute {
        guard let asked else { return self }
        var route = self
        route.localAddress = networks.source(
            asked,
            toAnswer: destination.address,
            by: interfaceIndex
        )
        return route
    }
}

extension ActiveSession {
    /// How the answer to a datagram leaves: to its sender, or where the datagram was sent to.
    func answerRoute(_ datagram: ReceivedDatagram) -> AnswerRoute {
        let reply = session.definition.reply
        if reply?.to == .destination, let route = routeToDestination(datagram, reply?.ttl) {
            return route
        }
        return AnswerRoute(
            to: datagram.source,
            from: datagram.askedAddress ?? session.path.source,
            askedBy: datagram.interfaceIndex,
            in: links.networks,
            ttl: reply?.ttl ?? host.answerTTL
        )
    }

    /// nil for a unicast datagram: its destination is this host.
    private func routeToDestination(_ datagram: ReceivedDatagram, _ ttl: UInt8?) -> AnswerRoute? {
        guard datagram.destinationClass != .unicast, let address = datagram.destination else {
            return nil
        }
        let scopeID = address.needsInterface ? UInt32(bitPattern: datagram.interfaceIndex) : 0
        return AnswerRoute(
            destination: Endpoint(
                address,
                port: session.socket.localEndpoint.port,
                scopeID: scopeID
            ),
            interfaceIndex: datagram.interfaceIndex,
            localAddress: datagram.askedAddress ?? session.path.source,
            isToAll: true,
            ttl: ttl ?? 1
        )
    }
}

extension SendBatch {
    /// Copies an answer in; false when the batch is full and must be sent first.
    mutating func append(_ payload: Span<UInt8>, by route: AnswerRoute) -> Bool {
        append(
            payload,
            to: route.destination,
            interfaceIndex: route.interfaceIndex,
            localAddress: route.localAddress,
            isToAll: route.isToAll,
            ttl: route.ttl,
            dscp: route.dscp
        )
    }
}
