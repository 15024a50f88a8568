/// Which source ports a target has a socket for, and since when it has not sent from them.
///
/// Holds at most `portsMax` ports. A port keeps its place until it is removed; places number from 0.
/// Times are monotonic nanoseconds.
struct SourcePortTable {
    /// Ports of one target at once.
    static let portsMax = 4096
    /// How long a port is kept after the last datagram that left from it.
    static let lifetimeNanoseconds: Int64 = 30_000_000_000
    /// A port gives way to a new one when nothing has left from it for so long. Ports that are in
    /// use stay, and forged sources make the target open no more than `portsMax` sockets in this
    /// time.
    static let quietNanoseconds: Int64 = 2_000_000_000
    /// How long a port that could not be opened is not tried again.
    static let retryNanoseconds: Int64 = 1_000_000_000
    /// The places are looked through no more often: ports expire that much late at most.
    private static let expiryNanoseconds: Int64 = 1_000_000_000

    private struct Entry {
        let port: UInt16
        /// When it was used last; of a port that could not be opened, when that was found.
        var usedAt: Int64
        var isOpen: Bool
    }

    /// nil = a free place.
    private var entries: [Entry?] = []
    private var freePlaces: [Int] = []
    private var placeOf: [UInt16: Int] = [:]
    /// No port gives way before.
    private var firstQuietAt: Int64 = .min
    /// No port expires before; nil = there is none.
    private(set) var nextExpiry: Int64?

    var count: Int { placeOf.count }

    /// What is known of a port.
    enum Lookup: Equatable {
        case open(place: Int)
        /// It could not be opened a moment ago.
        case refused
        case unknown
    }

    /// Looks a port up to send from it.
    mutating func use(_ port: UInt16, at now: Int64) -> Lookup {
        guard let place = placeOf[port], let entry = entries[place] else { return .unknown }
        if entry.isOpen {
            entries[place]?.usedAt = now
            return .open(place: place)
        }
        if now - entry.usedAt < Self.retryNanoseconds { return .refused }
        remove(place)
        return .unknown
    }

    /// Adds a port that the table does not have and has room for; its place.
    mutating func add(_ port: UInt16, isOpen: Bool, at now: Int64) -> Int {
        precondition(count < Self.portsMax && placeOf[port] == nil)
        let place = freePlaces.popLast() ?? entries.count
        let entry = Entry(port: port, usedAt: now, isOpen: isOpen)
        if place == entries.count { entries.append(entry) } else { entries[place] = entry }
        placeOf[port] = place
        let expiry = now + Self.lifetimeNanoseconds
        nextExpiry = min(nextExpiry ?? expiry, expiry)
        firstQuietAt = min(firstQuietAt, now + Self.quietNanoseconds)
        return place
    }

    /// Removes the port that has been silent longest, if that is long enough; the place it had.
    mutating func makeRoom(at now: Int64) -> Int? {
        if now < firstQuietAt { return nil }
        var oldest: (place: Int, usedAt: Int64)?
        for (place, entry) in entries.enumerated() {
            guard let entry, entry.usedAt < oldest?.usedAt ?? .max else { continue }
            oldest = (place, entry.usedAt)
        }
        guard let oldest else { return nil }
        firstQuietAt = oldest.usedAt + Self.quietNanoseconds
        if now < firstQuietAt { return nil }
        remove(oldest.place)
        return oldest.place
    }

    /// Removes the ports whose lifetime is over; their places.
    mutating func removeExpired(at now: Int64) -> [Int] {
        guard let nextExpiry, nextExpiry <= now else { return [] }
        var removed: [Int] = []
        var next: Int64?
        for (place, entry) in entries.enumerated() {
            guard let entry else { continue }
            let expiry = entry.usedAt + Self.lifetimeNanoseconds
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

    private mutating func remove(_ place: Int) {
        guard let entry = entries[place] else { return }
        placeOf[entry.port] = nil
        entries[place] = nil
        freePlaces.append(place)
    }
}
