import RelayModel

/// A session that forwards, as the memory of copies knows it.
final class CopyListener {
    /// How many datagrams a session relays although they seem to circle: equal bytes again and
    /// again from a source that was not the first to send them. So many at once, and so many a
    /// second after that. A circle that takes less than 10 ms ends by the first that is dropped.
    static let circlingMax = 1000
    static let circlingPerSecondMax = 100
    /// Sources are remembered for as long, whatever `loopGuardMilliseconds` says.
    static let sightingMillisecondsMin = 1000
    /// What such a datagram counts for where it has crossed a copy of itself.
    static let crossedCost = 50

    /// Each of them is a system call for each batch.
    static let feedersMax = 8

    let audiences: [Audience]
    /// The interface it listens on; 0 = all.
    let interfaceIndex: Int32
    /// How long copies are expected, at most twice.
    let lifetime: UInt32
    /// How long a source is remembered: as long, and long enough for what circles on a busy host.
    let sightingLifetime: UInt32
    /// Whether what it relays keeps its source, so that the first source may be a relay's as well.
    let preservesSources: Bool
    /// Whether it sends to a group or broadcast address by itself, so that hosts may answer it.
    let asks: Bool
    /// The lower halves of tags.
    let sightingKey: UInt64
    private let copyKey: UInt64
    /// Copies may come until then, once one was sent.
    private var expectedUntil: UInt32?
    private var preservedUntil: UInt32?
    /// nil until something seems to circle.
    private var circling: Box<TokenBucket>?
    private let socket: SessionSocket
    /// The session, while it is served.
    weak var session: ActiveSession?
    /// Those that relay to its audience, at most `feedersMax`. What they have to read is read first, so that what came by
    /// them is known before a copy of it comes by another relay.
    private(set) var feeders: [CopyListener] = []
    /// The audiences that its own session relays to.
    private(set) var fedAudiences: [Audience] = []
    /// Whether the digest of the whole is kept of all that comes: sessions of this daemon relay to it
    /// by unicast.
    private(set) var keepsDigests = false
    private var isRetired = false
    private var hasArrivalTimes = false

    private static func key(_ number: UInt32) -> UInt64 {
        // Odd multipliers map different numbers to different keys.
        UInt64(number &* 0x9E37_79B1)
    }

    /// - Parameter number: no other listener has it; up to 2^31.
    init?(_ session: RelaySession, number: UInt32) {
        let definition = session.definition
        if definition.forward.isEmpty || definition.loopGuardMilliseconds == 0 { return nil }
        socket = session.socket
        audiences = Audience.all(of: session)
        let isConfined = definition.joins || definition.interface != nil
        interfaceIndex = isConfined ? session.path.interface?.index ?? 0 : 0
        lifetime = CopyTick.lifetime(milliseconds: definition.loopGuardMilliseconds)
        sightingLifetime = max(
            lifetime,
            CopyTick.lifetime(milliseconds: Self.sightingMillisecondsMin)
        )
        preservesSources = definition.preservesSources
        asks = session.path.destination != nil
        sightingKey = Self.key(number &* 2)
        copyKey = Self.key(number &* 2 &+ 1)
    }

    /// Whether it can stand for another one, with all that is known for that.
    func serves(_ other: CopyListener) -> Bool {
        audiences == other.audiences && interfaceIndex == other.interfaceIndex
            && lifetime == other.lifetime && preservesSources == other.preservesSources
            && asks == other.asks
    }

    /// Marks the records of copies that come in by an interface.
    @inline(__always)
    func copyKey(_ interfaceIndex: Int32) -> UInt64 {
        copyKey ^ UInt64(UInt32(bitPattern: interfaceIndex) &* 0x85EB_CA77)
    }

    /// Another one relays to its audience: it matters from now on what arrived before what.
    func addFeeder(_ feeder: CopyListener) {
        if feeder === self || feeders.contains(where: { $0 === feeder }) { return }
        feeders.removeAll { $0.isRetired }
        if feeders.count == Self.feedersMax { return }
        feeders.append(feeder)
        requestArrivalTimes()
        feeder.requestArrivalTimes()
    }

    private func requestArrivalTimes() {
        if !hasArrivalTimes { socket.requestArrivalTimes() }
        hasArrivalTimes = true
    }

    /// Notes that its own session relays to an audience; false if it did already.
    func feed(_ audience: Audience) -> Bool {
        if fedAudiences.contains(audience) { return false }
        fedAudiences.append(audience)
        return true
    }

    /// Sessions of this daemon relay to it by unicast, from ports that may be shared.
    func keepDigests() { keepsDigests = true }

    /// It is not served any longer.
    func retire() {
        session = nil
        feeders = []
        fedAudiences = []
        isRetired = true
    }

    /// Whether a copy may come.
    @inline(__always)
    func expectsCopies(at tick: UInt32) -> Bool {
        guard let expectedUntil else { return false }
        return Int32(bitPattern: expectedUntil &- tick) >= 0
    }

    /// A copy was sent to its audience.
    func expectCopy(at tick: UInt32) { expectedUntil = tick &+ 2 &* lifetime }

    /// Whether a copy may come that this host sent with the source of somebody else.
    func expectsPreserved(at tick: UInt32) -> Bool {
        guard let preservedUntil else { return false }
        return Int32(bitPattern: preservedUntil &- tick) >= 0
    }

    /// Such a copy was sent to its audience.
    func expectPreserved(at tick: UInt32) { preservedUntil = tick &+ 2 &* lifetime }

    /// What stands for an interface in the records of such copies.
    static func preservedIndex(_ interfaceIndex: Int32) -> Int32 { ~interfaceIndex }

    /// What stands for the interface of what this host sends to itself.
    static let hostIndex = Int32.min

    /// Whether one more datagram that seems to circle may pass.
    func admitsCircling(cost: Int, at now: Int64) -> Bool {
        let bucket = circling ?? Box(Self.circlingBucket(at: now))
        circling = bucket
        return bucket.value.take(cost, at: now)
    }

    private static func circlingBucket(at now: Int64) -> TokenBucket {
        TokenBucket(
            perSecond: circlingPerSecondMax,
            burstMilliseconds: 1000 * circlingMax / circlingPerSecondMax,
            at: now
        )
    }
}

extension SessionDefinition {
    fileprivate var preservesSources: Bool {
        forward.contains { target in
            guard case .endpoint(let endpoint) = target.destination else { return false }
            return endpoint.sourceMode == .preserve
        }
    }
}
