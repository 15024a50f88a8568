import RelayModel

extension Metric {
    /// What each session counts: one row a metric. All of a session come from one reading.
    static let ofSessions: [Metric] = [
        ofSession(
            "running",
            .gauge,
            help: "1 while the session runs, 0 while it is waiting, degraded, failed or disabled"
        ) { .integer($0.state == .running ? 1 : 0) },
        ofSession(
            "warnings",
            .gauge,
            help: "1 while the session is warned of this, as its status.warnings say; else absent",
            series: SessionWarning.Code.allCases.map { code in
                (
                    MetricsWriter.labels(["code": code.rawValue]),
                    { $0.warnings.contains(code) ? .integer(1) : nil }
                )
            }
        ),
        ofSession(
            "start_timestamp_seconds",
            .gauge,
            unit: "seconds",
            help: "When the session began to count: its creation, or the daemon's start"
        ) { moment($0.startedAt) },
        ofSession(
            "received_datagrams",
            .counter,
            unit: "datagrams",
            help: "Datagrams that arrived: always the accepted and the dropped together"
        ) { .integer($0.counters.received.datagrams) },
        ofSession(
            "received_bytes",
            .counter,
            unit: "bytes",
            help: "Payload bytes of the datagrams that arrived"
        ) { .integer($0.counters.received.bytes) },
        ofSession(
            "accepted_datagrams",
            .counter,
            unit: "datagrams",
            help: "Datagrams that passed every filter"
        ) { .integer($0.counters.accepted.datagrams) },
        ofSession(
            "accepted_bytes",
            .counter,
            unit: "bytes",
            help: "Payload bytes of the datagrams that passed every filter"
        ) { .integer($0.counters.accepted.bytes) },
        ofSession(
            "dropped_datagrams",
            .counter,
            unit: "datagrams",
            help: "Datagrams that arrived and were dropped, by reason",
            byReason: DropReason.allCases.map { reason in
                (reason.word, { .integer($0.counters.dropped[Int(reason.rawValue)]) })
            }
        ),
        ofSession(
            "lost_datagrams",
            .counter,
            unit: "datagrams",
            help: "Datagrams lost, by reason; a reason is absent while its count is not known",
            byReason: [
                ("receive-buffer-full", { $0.counters.lostReceiveBufferFull.map { .integer($0) } }),
                ("send-buffer-full", { .integer($0.counters.lostSendBufferFull) }),
                ("send-failed", { .integer($0.counters.lostSendFailed) }),
            ]
        ),
        ofSession(
            "unreachable_reports",
            .counter,
            help: "ICMP errors about what had left to hosts; no number of lost datagrams"
        ) { .integer($0.counters.unreachable) },
        ofSession(
            "truncated_datagrams",
            .counter,
            unit: "datagrams",
            help: "Datagrams that were longer than the daemon's buffer"
        ) { .integer($0.counters.truncated) },
        ofSession(
            "sent_datagrams",
            .counter,
            unit: "datagrams",
            help: "Datagrams that were posted and left, without replies"
        ) { .integer($0.counters.sent.datagrams) },
        ofSession(
            "sent_bytes",
            .counter,
            unit: "bytes",
            help: "Payload bytes of the datagrams that were posted and left"
        ) { .integer($0.counters.sent.bytes) },
        ofSession(
            "forwarded_datagrams",
            .counter,
            unit: "datagrams",
            help: "Datagrams that were sent to targets, each counted once for each target"
        ) { .integer($0.counters.forwarded.datagrams) },
        ofSession(
            "forwarded_bytes",
            .counter,
            unit: "bytes",
            help: "Payload bytes of the datagrams that were sent to targets"
        ) { .integer($0.counters.forwarded.bytes) },
        ofSession(
            "replied_datagrams",
            .counter,
            unit: "datagrams",
            help: "Replies that left"
        ) { .integer($0.counters.replied.datagrams) },
        ofSession(
            "replied_bytes",
            .counter,
            unit: "bytes",
            help: "Payload bytes of the replies that left"
        ) { .integer($0.counters.replied.bytes) },
        ofSession(
            "rate_limited_replies",
            .counter,
            help: "Replies that were held back by reply.perSecondMax"
        ) { .integer($0.counters.repliesRateLimited) },
        ofSession(
            "ignored_answers",
            .counter,
            help: "Datagrams that were not answered because they are answers themselves"
        ) { .integer($0.counters.answers) },
        ofSession(
            "handler_runs",
            .counter,
            help: "Commands that reply.handler started, also those that failed; absent without one"
        ) { $0.handler.map { .integer($0.runs) } },
        ofSession(
            "failed_handler_runs",
            .counter,
            help: "Commands of reply.handler that failed, by reason",
            byReason: HandlerFailure.allCases.map { failure in
                (failure.word, { $0.handler.map { .integer($0.failed[failure.rawValue]) } })
            }
        ),
        ofSession(
            "busy_handler_datagrams",
            .counter,
            unit: "datagrams",
            help: "Datagrams without an answer, as too many waited for reply.handler"
        ) { $0.handler.map { .integer($0.busy) } },
        ofSession(
            "last_received_timestamp_seconds",
            .gauge,
            unit: "seconds",
            help: "When the last datagram arrived; absent until one has"
        ) { $0.counters.lastReceivedAt.map(moment) },
        ofSession(
            "last_sent_timestamp_seconds",
            .gauge,
            unit: "seconds",
            help: "When the last datagram left, replies included; absent until one has"
        ) { $0.counters.lastSentAt.map(moment) },
    ]

    private static func moment(_ moment: Timestamp) -> MetricValue {
        .nanoseconds(UInt64(clamping: moment.nanoseconds))
    }
}
