import Glibc
import RelayModel

/// The sockets by which one target sends with the port that a datagram came from: one a port.
///
/// Belongs to the relay thread.
final class SourcePorts {
    private var table = SourcePortTable()
    /// By the places of the table.
    private var sockets: [EgressSocket?] = []
    private let endpoint: ForwardEndpoint
    private let egress: RelayTarget.Egress
    private let activity: TargetActivity
    /// The system had no descriptors or memory left; it is asked again from then on.
    private var opensAgainAt: Int64 = .min

    /// How long after such a failure no socket is opened.
    static let pauseNanoseconds: Int64 = 100_000_000

    /// Expired ports are looked for no more often, and so are closed that much late at most.
    static let expiryNanoseconds: Int64 = 1_000_000_000

    init(_ endpoint: ForwardEndpoint, _ egress: RelayTarget.Egress, activity: TargetActivity) {
        self.endpoint = endpoint
        self.egress = egress
        self.activity = activity
    }

    deinit { close() }

    /// What it shares with all targets of the daemon.
    var budget: SourcePortBudget { egress.sourcePortBudget }

    /// The socket that sends from a port, whose lifetime begins again; nil when there is none and
    /// none can be opened.
    func socketNumber(for port: UInt16, at now: Int64) -> Int32? {
        switch table.use(port, at: now) {
        case .open(let place): return sockets[place]?.number
        case .refused: return nil
        case .unknown: return add(port, at: now)
        }
    }

    private func add(_ port: UInt16, at now: Int64) -> Int32? {
        if now < opensAgainAt || !makeRoom(at: now) { return nil }
        do {
            let socket = try EgressSocket.open(
                endpoint,
                to: egress.path.destination,
                interfaceIndex: egress.path.interface.index,
                receives: false,
                sourcePort: port,
                descriptorCeiling: egress.descriptorCeiling
            )
            put(socket, table.add(port, isOpen: true, at: now))
            activity.setKeepsSourcePort(port, true)
            return socket.number
        } catch {
            budget.giveBack(1)
            note(error)
            if error.isOfThisPort {
                put(nil, table.add(port, isOpen: false, at: now))
            } else {
                opensAgainAt = now + Self.pauseNanoseconds
            }
            return nil
        }
    }

    /// Takes one socket of the budget, and sees that the table has room for it.
    private func makeRoom(at now: Int64) -> Bool {
        if table.count < SourcePortTable.portsMax && budget.take() { return true }
        guard let place = table.makeRoom(at: now) else { return false }
        close(place)
        return budget.take()
    }

    private func put(_ socket: EgressSocket?, _ place: Int) {
        while sockets.count <= place { sockets.append(nil) }
        sockets[place] = socket
        if let expiry = table.nextExpiry { budget.noteExpiry(at: expiry) }
    }

    private func note(_ error: SystemCallError) {
        activity.note(
            TransferError(at: HostNetwork.now(), operation: error.operation, errno: error.name)
        )
    }

    /// Closes what has expired.
    func expire(at now: Int64) {
        while let place = table.removeExpired(at: now) { close(place) }
        if let expiry = table.nextExpiry {
            budget.noteExpiry(at: max(expiry, now + Self.expiryNanoseconds))
        }
    }

    private func close(_ place: Int) {
        guard let socket = sockets[place] else { return }
        activity.setKeepsSourcePort(socket.localEndpoint.port, false)
        socket.close()
        sockets[place] = nil
        budget.giveBack(1)
    }

    /// Closes all.
    func close() {
        for place in sockets.indices { close(place) }
        (table, sockets) = (SourcePortTable(), [])
    }
}

extension SystemCallError {
    /// Whether another port might be had: another program has this one, or it is below 1024 and
    /// CAP_NET_BIND_SERVICE is missing (ip(7)).
    fileprivate var isOfThisPort: Bool { number == EADDRINUSE || number == EACCES }
}
