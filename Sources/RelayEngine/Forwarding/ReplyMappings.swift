import Glibc
import RelayModel

/// The ports that the askers of one target have of their own, so that answers find the way back.
///
/// Belongs to the relay thread. The sockets have a poller of their own, which the loop's poller
/// watches as one.
final class ReplyMappings {
    private var table: AskerTable
    /// By the places of the table.
    private var sockets: [EgressSocket?] = []
    private var poller: Poller
    private let endpoint: ForwardEndpoint
    private let egress: RelayTarget.Egress
    /// Whether answers keep their DSCP.
    let preservesDSCP: Bool
    /// What each port's receive buffer is asked to hold; nil = the system's default.
    private var receiveBufferBytes: Int?
    private let activity: TargetActivity
    private let counters: SessionCounters
    private let ownSockets: OwnSockets
    private let links: HostLinks
    /// The loop's poller knows the sockets by this; nil = it does not watch them yet.
    var token: UInt64?

    /// Whether readers have not seen all, and since when they have what they see.
    private var isChanged = false
    private var publishedAt: Int64 = .min
    /// No socket could be opened; it is tried again from then on.
    private var opensAgainAt: Int64 = .min
    /// Where the next turn of reading begins, so that a flooded port starves no other.
    private var rotation = 0

    /// How often readers see that counters and lifetimes have changed, at most.
    static let publishNanoseconds: Int64 = 250_000_000
    /// How long after a failure no socket is opened.
    static let pauseNanoseconds: Int64 = 100_000_000
    /// Sockets read in a row, a batch each, before the other sessions get their turn.
    private static let batchesPerTurn = 4

    /// Throws when the system has no descriptors left.
    init(
        _ mapping: ReplyMapping,
        _ endpoint: ForwardEndpoint,
        _ egress: RelayTarget.Egress,
        preservesDSCP: Bool = false,
        receiveBufferBytes: Int? = nil,
        activity: TargetActivity,
        counters: SessionCounters = SessionCounters(),
        ownSockets: OwnSockets,
        links: HostLinks = HostLinks()
    ) throws(SystemCallError) {
        table = AskerTable(mapping)
        poller = try Poller()
        self.endpoint = endpoint
        self.egress = egress
        self.preservesDSCP = preservesDSCP
        self.receiveBufferBytes = receiveBufferBytes
        self.activity = activity
        self.counters = counters
        self.ownSockets = ownSockets
        self.links = links
    }

    /// The descriptor that is readable when an answer has come.
    var number: Int32 { poller.number }

    /// Who asked, by place.
    func asker(_ place: Int) -> AskerTable.Asker? { table[place] }

    /// The socket that sends for an asker, whose lifetime begins again; nil when all are in use or
    /// none can be opened.
    ///
    /// - Parameters:
    ///   - localAddress: where its datagram came to; nil = where the last one did.
    ///   - interfaceIndex: what it came in by; 0 = what the last one did.
    func socketNumber(
        for asker: Endpoint,
        localAddress: IPAddress?,
        interfaceIndex: Int32 = 0,
        at now: Int64
    ) -> Int32? {
        // Source port 0 says that no answer is wanted (RFC 768).
        if asker.port == 0 { return nil }
        let link = links.networks.interface(toAnswer: asker, askedBy: interfaceIndex)
        let key = AskerTable.Key(endpoint: asker, link: link)
        let known = table.renew(
            key,
            localAddress: localAddress,
            interfaceIndex: interfaceIndex,
            at: now
        )
        if let place = known {
            isChanged = true
            return sockets[place]?.number
        }
        if table.isFull { expire(at: now) }
        if table.isFull || now < opensAgainAt { return nil }
        do {
            return try add(key, localAddress, interfaceIndex, at: now)
        } catch {
            opensAgainAt = now + Self.pauseNanoseconds
            activity.note(
                TransferError(at: HostNetwork.now(), operation: error.operation, errno: error.name)
            )
            return nil
        }
    }

    /// Opens a port for a new asker; its descriptor's number.
    private func add(
        _ key: AskerTable.Key,
        _ localAddress: IPAddress?,
        _ interfaceIndex: Int32,
        at now: Int64
    ) throws(SystemCallError) -> Int32 {
        let socket = try EgressSocket.open(
            endpoint,
            to: egress.path.destination,
            interfaceIndex: egress.path.interface.index,
            receives: true,
            receiveBufferBytes: receiveBufferBytes,
            readsDSCP: preservesDSCP,
            descriptorCeiling: egress.descriptorCeiling
        )
        let today = HostNetwork.now()
        let place = table.add(
            key,
            localAddress: localAddress,
            interfaceIndex: interfaceIndex,
            createdAt: today,
            at: now
        )
        do {
            try poller.add(socket.number, token: UInt64(place))
        } catch {
            table.remove(place)
            throw error
        }
        while sockets.count <= place { sockets.append(nil) }
        sockets[place] = socket
        ownSockets.add(socket.localEndpoint.port, .relaying)
        isChanged = true
        return socket.number
    }

    private func close(_ place: Int) {
        guard let socket = sockets[place] else { return }
        counters.countMappedReceiveDrops(socket.takeReceiveDrops())
        do {
            try poller.remove(socket.number)
        } catch {
            preconditionFailure("\(error.operation): \(error.name)")
        }
        ownSockets.remove(socket.localEndpoint.port, .relaying)
        socket.close()
        sockets[place] = nil
    }

    /// The ports ask for another receive buffer; nil = the system's default, for those to come.
    func setReceiveBuffer(_ bytes: Int?) {
        if bytes == receiveBufferBytes { return }
        receiveBufferBytes = bytes
        guard let bytes else { return }
        for socket in sockets { socket?.setReceiveBuffer(bytes) }
    }

    /// Closes all ports; nobody is answered any longer.
    func close() {
        for place in sockets.indices { close(place) }
        table = AskerTable(ReplyMapping())
        activity.setMappings([])
    }
}

// MARK: - Time

extension ReplyMappings {
    /// When `tick` has something to do; nil = never, as things are.
    var nextDue: Int64? {
        let publishing = isChanged ? publishedAt &+ Self.publishNanoseconds : Int64.max
        let due = min(publishing, table.nextExpiry ?? .max)
        return due == .max ? nil : due
    }

    /// Closes what has expired, and shows readers what has changed.
    func tick(at now: Int64) {
        expire(at: now)
        if isChanged && now >= publishedAt &+ Self.publishNanoseconds { publish(at: now) }
    }

    private func expire(at now: Int64) {
        for place in table.removeExpired(at: now) {
            close(place)
            isChanged = true
        }
    }

    private func publish(at now: Int64) {
        isChanged = false
        // Where something was dropped, there is something to read, so a change.
        for socket in sockets { counters.countMappedReceiveDrops(socket?.takeReceiveDrops() ?? 0) }
        publishedAt = now
        let today = HostNetwork.now().nanoseconds
        activity.setMappings(
            table.askers.compactMap { place, asker in
                guard let socket = sockets[place] else { return nil }
                let expiry = asker.lastAskedAt + table.lifetimeNanoseconds
                return MappingValues(
                    asker: asker.endpoint,
                    localEndpoint: socket.localEndpoint,
                    createdAt: asker.createdAt,
                    expiresAt: Timestamp(nanoseconds: today + max(expiry - now, 0)),
                    replies: asker.replies
                )
            }
        )
    }
}

// MARK: - Answers

extension ReplyMappings {
    /// Looks which ports have something to read: of how many a batch is to be read in this turn.
    func beginReading() -> Int {
        do {
            try poller.wait(timeoutNanoseconds: 0)
        } catch {
            preconditionFailure("\(error.operation): \(error.name)")
        }
        rotation += Self.batchesPerTurn
        return min(poller.count, Self.batchesPerTurn)
    }

    /// Reads a batch from the port of this index of the turn: whose port it is, and how many
    /// datagrams there are. What the network reported of earlier queries is counted.
    func receive(_ index: Int, into batch: inout ReceiveBatch) -> (place: Int, count: Int) {
        let event = poller.event((rotation + index) % poller.count)
        let place = Int(event.token)
        guard let socket = sockets[place] else { return (place, 0) }
        if event.hasError { collectReports(from: socket.number) }
        let count = socket.receive(into: &batch)
        if count < 0 && -count != Int(EAGAIN) {
            collectReports(from: socket.number, pending: Int32(-count))
        }
        return (place, max(count, 0))
    }

    private func collectReports(from number: Int32, pending: Int32 = 0) {
        let destinations = egress.path.reportedDestinations
        let reports = ErrorQueue.take(from: number, about: destinations, pending: pending)
        if reports.count == 0 { return }
        activity.countUnreachable(reports.count)
        let name = SystemCallError.name(of: reports.last)
        activity.note(TransferError(at: HostNetwork.now(), operation: "icmp", errno: name))
    }

    /// Counts what was sent back to an asker.
    func countReplies(_ traffic: Traffic, to place: Int) {
        table.countReplies(traffic, to: place)
        activity.countReplies(traffic)
        isChanged = true
    }
}
