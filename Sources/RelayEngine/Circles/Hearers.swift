import RelayModel

/// Who may hear what is sent to one destination: listeners of this daemon, to whom it must not be
/// new when it comes back.
struct Hearers {
    private var audience: Audience?
    private var path = CopyPath(interfaceIndex: 0)
    /// The host that is sent to; nil = a group or broadcast address.
    private var host: IPAddress?
    private var sent = SentCopies.Sent.relayed
    /// The one that recognises its own copies by itself.
    private var deaf: CopyListener?
    /// The one that relays to them; nil where nothing is relayed.
    private var feeder: CopyListener?
    private var listeners: [CopyListener] = []
    private var generation = -1

    /// No listeners.
    init() {}

    /// Those who may hear what a target by address sends.
    init(of target: RelayTarget) {
        guard case .endpoint(let endpoint) = target.definition.destination,
            let egress = target.egress?.path
        else { return }
        audience = Audience(of: egress.destination, egress.destinationClass)
        path = CopyPath(
            interfaceIndex: egress.interface.index,
            network: CopyNetwork(of: egress.destination.address)
        )
        let isLooped = egress.destinationClass == .broadcast || endpoint.loopback
        if endpoint.sourceMode == .preserve {
            sent = isLooped ? .preserved : .unheard
        } else if endpoint.localPort != 0 {
            sent = isLooped ? .relayedBySession : .unheard
        }
        // What comes from a port that is not shared is known by that.
        if egress.destinationClass == .unicast && endpoint.sourceMode == .own
            && endpoint.localPort != 0
        {
            host = egress.destination.address
            (audience, sent) = (.thisHost(port: egress.destination.port), .relayed)
            path = CopyPath(interfaceIndex: CopyListener.hostIndex)
        }
    }

    /// Those who may hear what a session sends to its group or broadcast address.
    init(of session: ActiveSession, sent: SentCopies.Sent) {
        guard let destination = session.session.path.destination else { return }
        let definition = session.session.definition
        audience = Audience(of: destination, definition.kind.isMulticast ? .multicast : .broadcast)
        path = CopyPath(
            interfaceIndex: session.session.path.interface?.index ?? 0,
            network: CopyNetwork(of: destination.address)
        )
        self.sent = definition.kind.isMulticast && !definition.loopback ? .unheard : sent
        deaf = session.admission.dropsOwnCopies ? session.admission.listener : nil
    }

    /// Remembers the datagrams of a mask that were sent.
    mutating func note(
        _ batch: borrowing ReceiveBatch,
        _ mask: UInt64,
        in copies: SentCopies,
        at now: Int64
    ) {
        refresh(copies)
        if listeners.isEmpty { return }
        copies.noteSent(
            batch,
            mask,
            to: listeners,
            by: path,
            sent,
            deaf: deaf,
            at: now
        )
    }

    /// Remembers a datagram that was sent.
    mutating func note(_ payload: Span<UInt8>, in copies: SentCopies, at now: Int64) {
        refresh(copies)
        if listeners.isEmpty { return }
        copies.noteSent(
            payload,
            to: listeners,
            by: path,
            sent,
            deaf: deaf,
            at: now
        )
    }

    /// This one relays to them from now on.
    mutating func setFeeder(_ feeder: CopyListener?) {
        if self.feeder === feeder { return }
        self.feeder = feeder
        generation = -1
    }

    /// Finds the listeners that there are now.
    mutating func refresh(_ copies: SentCopies) {
        if generation == copies.generation { return }
        generation = copies.generation
        if let host, !copies.ownSockets.isOwn(host) {
            listeners = []
            return
        }
        listeners = copies.listeners(of: audience, interfaceIndex: path.interfaceIndex)
        if host == nil {
            copies.addFeeder(feeder, of: audience)
        } else {
            for listener in listeners { listener.keepDigests() }
        }
    }
}
