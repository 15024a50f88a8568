import RelayModel

/// Who has asked through a target and may be answered: at most so many at once, each for a lifetime
/// after its last datagram.
///
/// An asker keeps its place until it is removed; places number from 0.
struct AskerTable {
    /// Who asks: on two links of one network may be two hosts of one address.
    struct Key: Hashable {
        let endpoint: Endpoint
        /// The link that it is a neighbour on; 0 = it is routed to.
        var link: Int32 = 0
    }

    struct Asker {
        let key: Key
        var endpoint: Endpoint { key.endpoint }
        let createdAt: Timestamp
        /// The address of this host that its last datagram came to; nil = unknown.
        var localAddress: IPAddress?
        /// The interface that its last datagram came in by; 0 = unknown.
        var interfaceIndex: Int32
        /// Monotonic nanoseconds.
        var lastAskedAt: Int64
        /// What was sent back.
        var replies = Traffic()
    }

    /// The places are looked through no more often: askers expire that much late at most.
    static let expiryNanoseconds: Int64 = 100_000_000

    let lifetimeNanoseconds: Int64
    private let askersMax: Int
    /// nil = a free place.
    private var places: [Asker?] = []
    private var freePlaces: [Int] = []
    private var placeOf: [Key: Int] = [:]
    /// Nobody expires before.
    private(set) var nextExpiry: Int64?

    init(_ mapping: ReplyMapping) {
        lifetimeNanoseconds = Int64(mapping.lifetimeSeconds) * 1_000_000_000
        askersMax = mapping.askersMax
    }

    var count: Int { placeOf.count }

    /// Whether nobody else may ask.
    var isFull: Bool { count >= askersMax }

    /// Who has this place; nil = nobody.
    subscript(place: Int) -> Asker? { places.indices.contains(place) ? places[place] : nil }

    /// Those who may be answered, in the order of their places.
    var askers: [(place: Int, asker: Asker)] {
        places.enumerated().compactMap { place, asker in asker.map { (place, $0) } }
    }

    /// Begins the lifetime of an asker again: its place, or nil when it has none.
    ///
    /// - Parameters:
    ///   - localAddress: where its datagram came to; nil = where the last one did.
    ///   - interfaceIndex: what it came in by; 0 = what the last one did.
    mutating func renew(
        _ key: Key,
        localAddress: IPAddress?,
        interfaceIndex: Int32 = 0,
        at now: Int64
    ) -> Int? {
        guard let place = placeOf[key] else { return nil }
        places[place]?.lastAskedAt = now
        if let localAddress { places[place]?.localAddress = localAddress }
        if interfaceIndex != 0 { places[place]?.interfaceIndex = interfaceIndex }
        return place
    }

    /// Gives a new asker a place; the table must not be full.
    mutating func add(
        _ key: Key,
        localAddress: IPAddress?,
        interfaceIndex: Int32 = 0,
        createdAt: Timestamp,
        at now: Int64
    ) -> Int {
        precondition(!isFull && placeOf[key] == nil)
        let asker = Asker(
            key: key,
            createdAt: createdAt,
            localAddress: localAddress,
            interfaceIndex: interfaceIndex,
            lastAskedAt: now
        )
        let place = freePlaces.popLast() ?? places.count
        if place == places.count { places.append(asker) } else { places[place] = asker }
        placeOf[key] = place
        nextExpiry = min(nextExpiry ?? .max, now + lifetimeNanoseconds)
        return place
    }

    /// Counts what was sent back to an asker.
    mutating func countReplies(_ traffic: Traffic, to place: Int) {
        guard let replies = places[place]?.replies else { return }
        places[place]?.replies = replies + traffic
    }

    /// Removes those whose lifetime is over; their places.
    mutating func removeExpired(at now: Int64) -> [Int] {
        guard let nextExpiry, nextExpiry <= now else { return [] }
        var removed: [Int] = []
        var next: Int64?
        for place in places.indices {
            guard let asker = places[place] else { continue }
            let expiry = asker.lastAskedAt + lifetimeNanoseconds
            if expiry <= now {
                remove(place)
                removed.append(place)
            } else {
                next = min(next ?? .max, expiry)
            }
        }
        self.nextExpiry = next.map { max($0, now + Self.expiryNanoseconds) }
        return removed
    }

    /// Frees a place.
    mutating func remove(_ place: Int) {
        guard let asker = places[place] else { return }
        placeOf[asker.key] = nil
        places[place] = nil
        freePlaces.append(place)
    }
}
