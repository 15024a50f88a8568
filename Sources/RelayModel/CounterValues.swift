/// A number of datagrams and their payload bytes.
package struct Traffic: Hashable, Sendable {
    package var datagrams: UInt64
    package var bytes: UInt64

    package init(datagrams: UInt64 = 0, bytes: UInt64 = 0) {
        self.datagrams = datagrams
        self.bytes = bytes
    }

    package static func + (left: Traffic, right: Traffic) -> Traffic {
        Traffic(datagrams: left.datagrams + right.datagrams, bytes: left.bytes + right.bytes)
    }
}

/// A session's counters at one moment, since the session was created or restored.
package struct CounterValues: Hashable, Sendable {
    /// Always `accepted` + the sum of `dropped`.
    package var received: Traffic {
        accepted + Traffic(datagrams: droppedTotal, bytes: droppedBytes)
    }
    package var accepted = Traffic()
    /// What was sent through the API, without replies.
    package var sent = Traffic()
    /// What targets of `forward` were sent; a datagram counts once for each target.
    package var forwarded = Traffic()
    package var replied = Traffic()
    /// Replies that `reply.perSecondMax` held back.
    package var repliesRateLimited: UInt64 = 0
    /// Datagrams that were not answered because they are answers themselves.
    package var answers: UInt64 = 0
    /// What became of the runs of `reply.handler`.
    package var handler = HandlerValues()
    /// Datagrams by `DropReason.rawValue`.
    package var dropped: [UInt64]
    package var droppedBytes: UInt64 = 0
    /// Datagrams the kernel discarded because the receive buffer was full, as SO_MEMINFO reports
    /// them (socket(7)); nil when it could not be asked.
    package var lostReceiveBufferFull: UInt64?
    /// Sends the kernel refused for want of buffer space: ENOBUFS (udp(7), IP_RECVERR in ip(7)).
    package var lostSendBufferFull: UInt64 = 0
    /// Sends that the kernel refused for other reasons.
    package var lostSendFailed: UInt64 = 0
    /// Errors that ICMP reported of answers that had left to hosts by the session's socket. No
    /// number of lost datagrams: hosts report at most some, and anybody can forge a report.
    package var unreachable: UInt64 = 0
    /// Datagrams that did not fit in the receive arena; its slots hold the largest datagram.
    package var truncated: UInt64 = 0
    /// Datagrams that came back from elsewhere or seemed to circle, dropped or not; those that this
    /// daemon's own sockets had sent, which is normal where it relays both ways, are not among them.
    package var circling: UInt64 = 0
    package var lastReceivedAt: Timestamp?
    package var lastSentAt: Timestamp?

    package init() {
        dropped = Array(repeating: 0, count: DropReason.allCases.count)
    }

    package var droppedTotal: UInt64 { dropped.reduce(0, +) }
}

/// The last system error a session met while moving datagrams.
package struct TransferError: Hashable, Sendable {
    package let at: Timestamp
    /// The system call, like `sendmsg`, or `icmp` for an error that the network reported.
    package let operation: String
    /// The symbolic name, like `ENETUNREACH`.
    package let errno: String

    package init(at: Timestamp, operation: String, errno: String) {
        self.at = at
        self.operation = operation
        self.errno = errno
    }
}

/// What one sender sent to a session since it was first noticed.
package struct SourceActivity: Hashable, Sendable {
    package var source: Endpoint
    package var traffic: Traffic
    package var lastAt: Timestamp

    package init(source: Endpoint, traffic: Traffic, lastAt: Timestamp) {
        self.source = source
        self.traffic = traffic
        self.lastAt = lastAt
    }
}

/// Mean rates over a window that ended at the last full second.
package struct TrafficRates: Hashable, Sendable {
    /// Per second.
    package var receivedDatagrams = 0.0
    /// Payload bits per second.
    package var receivedBits = 0.0
    package var sentDatagrams = 0.0
    package var sentBits = 0.0

    package init() {}
}
