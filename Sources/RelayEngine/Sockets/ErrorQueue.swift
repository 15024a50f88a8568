import CRelaySocket
import Glibc
import RelayModel

/// What ICMP reported of datagrams that a socket had sent (IP_RECVERR, ip(7)), as far as it counts.
struct NetworkReports {
    /// Reports that count.
    var count: UInt64 = 0
    /// The error number of the last of them (errno(3)).
    var last: Int32 = 0
    /// Whether anything was reported at all, also what does not count.
    var isAny = false

    fileprivate mutating func note(_ error: Int32, _ counts: Bool) {
        isAny = true
        if counts { (count, last) = (count + 1, error) }
    }
}

/// Of which datagrams the reports count.
///
/// Nobody answers a datagram to a group or a broadcast address by ICMP (RFC 1122, section 3.2.2):
/// such a report is forged, or the work of a broken host.
enum ReportedDestinations: Hashable {
    /// For what sends to groups and broadcast addresses only.
    case none
    case host(IPAddress)
    /// Any host, for what may also send to this broadcast address.
    case hosts(notBroadcast: IPAddress?)

    /// Whether a report of a datagram to this address counts; nil = the kernel kept none.
    func include(_ destination: IPAddress?) -> Bool {
        switch self {
        case .none: false
        case .host(let host): destination.map { $0 == host } ?? true
        case .hosts(let broadcast):
            destination.map { address in
                !address.isMulticast && address != .limitedBroadcast && address != broadcast
            } ?? true
        }
    }
}

/// The one place that takes what the network reported off a socket.
enum ErrorQueue {
    /// Queued errors taken in a row, so that a storm of them does not hold up other sessions.
    private static let errorsMax = 64

    /// Takes what is on the error queue, at most `errorsMax`, and the pending error. Errors of this
    /// host's own sends do not count: those sends returned them.
    ///
    /// An error is pending without being queued when the receive buffer has no room for it; then
    /// the kernel does not say which destination it was about.
    ///
    /// - Parameter pending: the pending error, where a call has taken it off the socket already.
    static func take(
        from number: Int32,
        about destinations: ReportedDestinations,
        pending: Int32 = 0
    ) -> NetworkReports {
        var reports = NetworkReports()
        for _ in 0..<errorsMax {
            var (isLocal, destination) = (Int32(0), relay_endpoint())
            // Safe because the call only writes the locals.
            let error = unsafe relay_next_queued_error(number, &isLocal, &destination)
            if error == 0 { break }
            if isLocal == 0 { reports.note(error, destinations.include(IPAddress(destination))) }
        }
        let taken = relay_take_pending_error(number)
        let error = taken == 0 ? pending : taken
        if error != 0 && !reports.isAny { reports.note(error, destinations.include(nil)) }
        return reports
    }
}

/// Tells the errors of a send from those that ICMP reported of earlier ones.
///
/// The kernel fails the next send with such an error, whatever its destination (udp(7)), and forgets
/// it thereby; the datagram is as good as before, and is sent again. One value a datagram.
struct StaleErrors {
    /// Tries of one datagram: more than a storm of reports can fail one after another.
    static let triesMax = 16

    private var tries = 0

    /// Whether the send that failed with this error is to be tried again. What the socket has to
    /// report is taken off it, and told where some of it counts.
    mutating func include(
        _ error: Int32,
        on number: Int32,
        about destinations: ReportedDestinations,
        _ note: (NetworkReports) -> Void
    ) -> Bool {
        guard Self.canBeReported(error), tries < Self.triesMax else { return false }
        tries += 1
        // Only ICMP refuses a datagram, so this error was reported even where it was not queued.
        let pending = error == ECONNREFUSED ? error : 0
        let reports = ErrorQueue.take(from: number, about: destinations, pending: pending)
        if reports.count > 0 { note(reports) }
        // Any other error may have been pending without being queued; an error of the send itself
        // comes again.
        return reports.isAny || tries == 1
    }

    /// Whether it can be what ICMP reported (icmp(7), RFC 4443), and not only of the send itself.
    private static func canBeReported(_ error: Int32) -> Bool {
        switch error {
        case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENONET, ENOPROTOOPT, EPROTO,
            EOPNOTSUPP, EMSGSIZE, EACCES:
            true
        default: false
        }
    }
}
