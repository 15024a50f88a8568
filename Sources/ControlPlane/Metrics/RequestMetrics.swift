import HTTPHosting
import HTTPTypes
import Synchronization

/// Counts requests that are over, by route template, method and status, and how long they took.
///
/// Listener threads record without a lock held for longer than one look into a dictionary: its
/// entries are made when a route first answers a method, and then only counted up. Templates come
/// from the route table and methods and statuses from lists, so clients cannot make it grow.
final class RequestMetrics: Sendable {
    /// The label of requests that no route answered.
    static let noRoute = "none"

    /// The label of a method, or a status, that is in no list.
    static let other = "other"

    /// The label of a request whose connection ended before there was a response.
    static let noStatus = "none"

    private struct Key: Hashable {
        let route: String
        let method: Int

        /// By the template's length: there are few, and every request is looked up.
        func hash(into hasher: inout Hasher) {
            hasher.combine(route.utf8.count &* 8 &+ method)
        }
    }

    /// What is counted of one route and method.
    private final class Entry: Sendable {
        /// By place in `statuses`, then the one in no list, then none at all.
        let counts = InlineArray<32, Atomic<UInt64>> { _ in Atomic(0) }
        let durations = Histogram(bounds: RequestMetrics.bounds)
    }

    private let entries = Locked<[Key: Entry]>([:])

    private static let methods: [HTTPRequest.Method] = [
        .get, .head, .post, .put, .patch, .delete, .options,
    ]

    /// The statuses that are counted apart; at most 30.
    private static let statuses = [
        200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 406, 409, 410, 411, 412, 413, 415,
        417, 422, 428, 429, 431, 500, 501, 503, 507,
    ]

    /// Up to the longest long poll, and beyond it what streams take.
    private static let bounds: [UInt64] = [
        250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
        100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000,
        10_000_000_000, 30_000_000_000,
    ]

    /// Counts a request that is over; on its listener's thread.
    func record(_ record: RequestRecord) {
        let method = Self.methods.firstIndex(of: record.method) ?? Self.methods.count
        let key = Key(route: record.route ?? Self.noRoute, method: method)
        let entry = entries.withLock { entries in
            if let entry = entries[key] { return entry }
            let entry = Entry()
            entries[key] = entry
            return entry
        }
        entry.counts[Self.index(status: record.status)].wrappingAdd(1, ordering: .relaxed)
        entry.durations.record(nanoseconds: record.durationNanoseconds)
    }

    private static func index(status: Int?) -> Int {
        guard let status else { return statuses.count + 1 }
        return statuses.firstIndex(of: status) ?? statuses.count
    }

    /// What was counted of one route and method.
    struct Reading: Sendable {
        let route: String
        let method: String
        /// The requests by status, without those that never occurred.
        let counts: [(status: String, requests: UInt64)]
        let durations: HistogramValues
    }

    /// What was counted so far, sorted.
    func readings() -> [Reading] {
        entries.withLock { $0 }
            .sorted { ($0.key.route, $0.key.method) < ($1.key.route, $1.key.method) }
            .map { key, entry in
                Reading(
                    route: key.route,
                    method: key.method < Self.methods.count
                        ? Self.methods[key.method].rawValue : Self.other,
                    counts: Self.counts(entry),
                    durations: entry.durations.values()
                )
            }
    }

    private static func counts(_ entry: Entry) -> [(status: String, requests: UInt64)] {
        let words = statuses.map(String.init) + [other, noStatus]
        return words.indices.compactMap { index in
            let requests = entry.counts[index].load(ordering: .relaxed)
            return requests == 0 ? nil : (words[index], requests)
        }
    }
}
