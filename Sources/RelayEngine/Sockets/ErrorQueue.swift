import CRelaySocket

/// What the network reported of a socket's earlier sends.
enum ErrorQueue {
    /// Queued errors taken in a row, so that a storm of them does not hold up other sessions.
    private static let errorsMax = 64

    /// Takes what is on the error queue and the pending error; the errors that the network
    /// reported, at most `errorsMax`. Errors of this host's own sends were returned by them.
    ///
    /// An error is pending without being queued when the receive buffer has no room for it.
    static func take(from number: Int32) -> [Int32] {
        var errors: [Int32] = []
        for _ in 0..<errorsMax {
            var isLocal: Int32 = 0
            // Safe because the call only writes the local.
            let error = unsafe relay_next_queued_error(number, &isLocal)
            if error == 0 { break }
            if isLocal == 0 { errors.append(error) }
        }
        let pending = relay_take_pending_error(number)
        if errors.isEmpty && pending != 0 { errors.append(pending) }
        return errors
    }
}
