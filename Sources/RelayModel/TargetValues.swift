/// The counters of one forward target at one moment.
package struct TargetValues: Hashable, Sendable {
    package var forwarded = Traffic()
    /// Sends that the kernel refused, or for which there was no running session.
    package var failed: UInt64 = 0
    /// Sends that the kernel refused for want of buffer space (ENOBUFS, EAGAIN).
    package var sendBufferFull: UInt64 = 0
    /// Errors that ICMP reported of datagrams that had left, which count as forwarded.
    package var unreachable: UInt64 = 0
    /// Datagrams that were not sent to the target, by `TargetDropReason.rawValue`.
    package var dropped: [UInt64]
    /// Datagrams that chaos holds back at the moment.
    package var held: UInt64 = 0
    /// Answers that went back to those who had asked.
    package var mappedReplies = Traffic()
    /// Datagrams relayed without a mapping, because all were in use.
    package var unmapped: UInt64 = 0
    /// Answers that were not sent back, because their TTL was used up.
    package var expiredReplies: UInt64 = 0
    /// Answers that were not sent back, because of the interface that they came in by.
    package var strayReplies: UInt64 = 0

    package init() {
        dropped = Array(repeating: 0, count: TargetDropReason.allCases.count)
    }
}

/// Why an accepted datagram was not sent to one of the targets.
package enum TargetDropReason: UInt8, Sendable, CaseIterable {
    /// A limit of the target, or of the session that sends for it.
    case rate = 0
    /// Its TTL was not above the threshold.
    case ttl = 1
    /// It would have gone back to where it came from.
    case loop = 2
    /// It was not the one in so many.
    case sampling = 3
    /// `chaos.lossPercent`.
    case chaosLoss = 4
    /// Chaos held as many as it may.
    case chaosOverflow = 5
    /// `sourceMode` preserve, and its source address and port could not be used.
    case sourceUnavailable = 6
    /// Its source address is denied by the target, or not allowed.
    case source = 7

    /// The key in JSON, and the label of metrics.
    package var name: String {
        switch self {
        case .rate: "rate"
        case .ttl: "ttl"
        case .loop: "loop"
        case .sampling: "sampling"
        case .chaosLoss: "chaosLoss"
        case .chaosOverflow: "chaosOverflow"
        case .sourceUnavailable: "sourceUnavailable"
        case .source: "source"
        }
    }
}

/// An asker whose answers are sent back to it.
package struct MappingValues: Hashable, Sendable {
    /// Who asked.
    package let asker: Endpoint
    /// The port of this host that the answers come to; its address is the wildcard.
    package let localEndpoint: Endpoint
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    /// What was sent back.
    package let replies: Traffic

    package init(
        asker: Endpoint,
        localEndpoint: Endpoint,
        createdAt: Timestamp,
        expiresAt: Timestamp,
        replies: Traffic
    ) {
        self.asker = asker
        self.localEndpoint = localEndpoint
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.replies = replies
    }
}
