/// Which source ports a target has a socket for, in the order in which they were used last.
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

    private struct Entry {
        let port: UInt16
        /// When it was used last; of a port that could not be opened, when that was found.
        var usedAt: Int64
        let isOpen: Bool
        /// The neighbours in the order of use.
        var before = SourcePortTable.none
        var after = SourcePortTable.none
    }

    /// No place.
    private static let none: Int16 = -1

    private var entries: [Entry] = []
    private var freePlaces: [Int16] = []
    private var placeOf: [UInt16: Int16] = [:]
    /// The place of the port that has been silent longest, and of the one that was used last.
    private var first = SourcePortTable.none
    private var last = SourcePortTable.none

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
        guard let place = placeOf[port] else { return .unknown }
        let entry = entries[Int(place)]
        if entry.isOpen {
            if place != last {
                unlink(place)
                link(place)
            }
            entries[Int(place)].usedAt = now
            return .open(place: Int(place))
        }
        if now - entry.usedAt < Self.retryNanoseconds { return .refused }
        remove(place)
        return .unknown
    }

    /// Adds a port that the table does not have and has room for; its place.
    mutating func add(_ port: UInt16, isOpen: Bool, at now: Int64) -> Int {
        precondition(count < Self.portsMax && placeOf[port] == nil)
        let entry = Entry(port: port, usedAt: now, isOpen: isOpen)
        let place = freePlaces.popLast() ?? Int16(entries.count)
        if place == entries.count { entries.append(entry) } else { entries[Int(place)] = entry }
        placeOf[port] = place
        link(place)
        return Int(place)
    }

    /// Removes the port that has been silent longest, if that is long enough; the place it had.
    mutating func makeRoom(at now: Int64) -> Int? {
        removeFirst(silentFor: Self.quietNanoseconds, now)
    }

    /// Removes a port whose lifetime is over; the place it had, or nil when there is none.
    mutating func removeExpired(at now: Int64) -> Int? {
        removeFirst(silentFor: Self.lifetimeNanoseconds, now)
    }

    /// No port expires before; nil = there is none.
    var nextExpiry: Int64? {
        first == Self.none ? nil : entries[Int(first)].usedAt + Self.lifetimeNanoseconds
    }

    private mutating func removeFirst(silentFor time: Int64, _ now: Int64) -> Int? {
        let place = first
        guard place != Self.none, now - entries[Int(place)].usedAt >= time else { return nil }
        remove(place)
        return Int(place)
    }

    private mutating func remove(_ place: Int16) {
        unlink(place)
        placeOf[entries[Int(place)].port] = nil
        freePlaces.append(place)
    }

    // MARK: - The order of use

    private mutating func link(_ place: Int16) {
        entries[Int(place)].before = last
        entries[Int(place)].after = Self.none
        if last == Self.none { first = place } else { entries[Int(last)].after = place }
        last = place
    }

    private mutating func unlink(_ place: Int16) {
        let (before, after) = (entries[Int(place)].before, entries[Int(place)].after)
        if before == Self.none { first = after } else { entries[Int(before)].after = after }
        if after == Self.none { last = before } else { entries[Int(after)].before = before }
    }
}
