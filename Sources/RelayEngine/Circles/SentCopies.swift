import RelayModel

/// The memory by which a datagram that comes back is told from one that is merely equal: what this
/// daemon has sent where lately, and from whom its sessions had what they relayed.
///
/// A copy that was sent is expected once by each session that forwards and may hear it. What no
/// copy is expected of is new, whatever it is equal to. Payloads are compared by two keyed digests
/// of 64 bits: a sample of both ends, which finds the bucket, and one of all bytes, which is made
/// only where the sample is known or will be asked for.
///
/// Belongs to the relay thread.
final class SentCopies {
    let ownSockets = OwnSockets()
    var table = CopyTable()
    private var listeners: [Audience: [CopyListener]] = [:]
    /// Those whose sessions relay to an audience, by whatever interface.
    private var feeders: [Audience: [CopyListener]] = [:]
    private var nextNumber: UInt32 = 1
    private var lastReplierNumber: UInt32 = 0
    /// Changes whenever the listeners do.
    private(set) var generation = 0
    /// The longest that a record of a listener can matter, in ticks.
    private var lifetimeMax: UInt32 = 0
    /// When to see whether the table can be smaller, in monotonic nanoseconds.
    private var shrinksAt: Int64 = .max

    /// Of the batch that is being worked on, where `hasSample` and `hasDigest` have bits.
    let samples = FixedBuffer<UInt64>(repeating: 0, count: ReceiveBatch.capacity)
    private let digests = FixedBuffer<UInt64>(repeating: 0, count: ReceiveBatch.capacity)
    private var hasSample: UInt64 = 0
    private var hasDigest: UInt64 = 0

    /// How often a large table is looked at.
    private static let shrinkNanoseconds: Int64 = 1_000_000_000
    /// Marks the record that a datagram was taken for a returning copy that may have been on its way
    /// when the copy was sent. Then another relay sends what it has got as well.
    static let crossedKey: UInt64 = 0xFFFF_FFFF
    /// Marks the record of a payload that has the same sample as an earlier one.
    static let twinKey: UInt64 = 0xFFFF_FFFC

    /// What an arriving datagram is.
    enum Arrival {
        case new
        /// New, and an answer that another session of this daemon has sent to this one.
        case answer
        /// It may be new, but seems to circle.
        case suspect
        /// This daemon has sent it, and its own socket heard it.
        case own
        /// It came back, or seems to circle.
        case circling
    }

    /// What the datagrams of a batch came to.
    struct Arrivals {
        /// Those that are not to be relayed, as bits.
        var dropped: UInt64 = 0
        /// New ones that are answers of this daemon, as bits.
        var answers: UInt64 = 0
        /// Those that came back from elsewhere, or seem to circle, dropped or not.
        var circling = 0

        mutating func note(_ arrival: Arrival, of index: Int) {
            switch arrival {
            case .new: break
            case .answer: answers |= 1 &<< UInt64(index)
            case .suspect: circling += 1
            case .own: dropped |= 1 &<< UInt64(index)
            case .circling:
                circling += 1
                dropped |= 1 &<< UInt64(index)
            }
        }
    }
}

// MARK: - Listeners

extension SentCopies {
    /// A number for another session that answers.
    func nextReplierNumber() -> UInt32 {
        lastReplierNumber &+= 1
        return lastReplierNumber
    }

    /// A listener for the session, or the one it had where that can go on; nil for a session that
    /// forwards nothing, or does not guard.
    func listener(
        for session: RelaySession,
        replacing old: CopyListener? = nil
    ) -> CopyListener? {
        let new = CopyListener(session, number: nextNumber)
        if let old, let new, old.serves(new) { return old }
        if let old { remove(old) }
        guard let new else { return nil }
        nextNumber = (nextNumber &+ 1) & 0x3FFF_FFFF
        for audience in new.audiences {
            listeners[audience, default: []].append(new)
            for feeder in feeders[audience] ?? [] { new.addFeeder(feeder) }
        }
        lifetimeMax = max(lifetimeMax, 2 * new.lifetime, new.sightingLifetime)
        generation += 1
        return new
    }

    func remove(_ listener: CopyListener) {
        for audience in listener.fedAudiences {
            feeders[audience]?.removeAll { $0 === listener }
            if feeders[audience]?.isEmpty == true { feeders[audience] = nil }
        }
        listener.retire()
        for audience in listener.audiences {
            listeners[audience]?.removeAll { $0 === listener }
            if listeners[audience]?.isEmpty == true { listeners[audience] = nil }
        }
        generation += 1
    }

    /// This one's session relays to an audience from now on, until it is removed.
    func addFeeder(_ feeder: CopyListener?, of audience: Audience?) {
        guard let feeder, let audience, feeder.feed(audience) else { return }
        feeders[audience, default: []].append(feeder)
        for listener in listeners[audience] ?? [] { listener.addFeeder(feeder) }
    }

    /// Who may hear what is sent to an audience by an interface.
    func listeners(of audience: Audience?, interfaceIndex: Int32) -> [CopyListener] {
        guard let audience, let all = listeners[audience] else { return [] }
        if !audience.hasLink { return all }
        return all.filter { $0.interfaceIndex == 0 || $0.interfaceIndex == interfaceIndex }
    }

    /// The addresses of this host, from now on.
    func setAddresses(_ addresses: Set<IPAddress>) {
        ownSockets.setAddresses(addresses)
        generation += 1
    }
}

// MARK: - The batch that is being worked on

extension SentCopies {
    /// Another batch, or a part of one that was worked on before.
    func beginBatch() { (hasSample, hasDigest) = (0, 0) }

    /// Takes the samples of the datagrams of a mask. Their places in the table are fetched here,
    /// so that their cache lines come all at once and not one after the other.
    func prepare(_ batch: borrowing ReceiveBatch, _ mask: UInt64, at now: Int64) {
        var rest = mask & ~hasSample
        if rest == 0 { return }
        makeRoom(for: rest.nonzeroBitCount, at: now)
        hasSample |= rest
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            let sample = max(PayloadHash.sample(batch.payload(index)), 1)
            samples[index] = sample
            table.fetch(bucketOf: sample)
        }
    }

    func makeRoom(for count: Int, at now: Int64) {
        table.makeRoom(for: count, living: lifetimeMax, at: CopyTick.of(now))
        if table.isLarge && shrinksAt == .max { shrinksAt = now + Self.shrinkNanoseconds }
    }

    /// The digest of all bytes, made when it is first asked for. A sample covers a short payload.
    func digest(_ batch: borrowing ReceiveBatch, _ index: Int) -> UInt64 {
        if hasDigest & 1 &<< UInt64(index) != 0 { return digests[index] }
        hasDigest |= 1 &<< UInt64(index)
        let digest = Self.digest(batch.payload(index), sample: samples[index])
        digests[index] = digest
        return digest
    }

    static func digest(_ payload: Span<UInt8>, sample: UInt64) -> UInt64 {
        payload.count <= 2 * PayloadHash.sampleEndBytes
            ? sample : max(PayloadHash.whole(payload), 1)
    }
}

// MARK: - Time

extension SentCopies {
    /// When `tick` has something to do; nil = never, as things are.
    var nextDue: Int64? { shrinksAt == .max ? nil : shrinksAt }

    /// Gives back memory that is no longer needed.
    func tick(at now: Int64) {
        guard now >= shrinksAt else { return }
        table.shrink(living: lifetimeMax, at: CopyTick.of(now))
        shrinksAt = table.isLarge ? now + Self.shrinkNanoseconds : .max
    }

    /// Records that the table has room for.
    var capacity: Int { table.count }
}
