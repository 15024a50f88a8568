import RelayModel
import Synchronization

/// A session's counters as atomics with one writer each: the relay thread, but for what happens to
/// handlers.
///
/// Readers never wait. `received` is not stored but derived, so that it equals accepted plus
/// dropped in every snapshot, also in one that overlaps an update.
package final class SessionCounters: Sendable {
    private let acceptedDatagrams = SingleWriterCounter()
    private let acceptedBytes = SingleWriterCounter()
    /// Datagrams by `DropReason.rawValue`.
    private let dropped = InlineArray<8, SingleWriterCounter> { _ in SingleWriterCounter() }
    private let droppedBytes = SingleWriterCounter()
    private let sentDatagrams = SingleWriterCounter()
    private let sentBytes = SingleWriterCounter()
    private let forwardedDatagrams = SingleWriterCounter()
    private let forwardedBytes = SingleWriterCounter()
    private let repliedDatagrams = SingleWriterCounter()
    private let repliedBytes = SingleWriterCounter()
    private let repliesRateLimited = SingleWriterCounter()
    private let answers = SingleWriterCounter()
    private let handlerBusy = SingleWriterCounter()
    /// These two have another writer, the handlers' thread.
    private let handlerRuns = SingleWriterCounter()
    private let handlerFailed = InlineArray<4, SingleWriterCounter> { _ in SingleWriterCounter() }
    private let mappedReceiveDrops = SingleWriterCounter()
    private let lostSendBufferFull = SingleWriterCounter()
    private let lostSendFailed = SingleWriterCounter()
    private let unreachable = SingleWriterCounter()
    private let truncated = SingleWriterCounter()
    private let circling = SingleWriterCounter()
    private let lastReceivedAt = Atomic<Int64>(.min)
    private let lastSentAt = Atomic<Int64>(.min)

    init() {}
}

/// What one batch of received datagrams adds to the counters.
struct ReceiveTally {
    var acceptedDatagrams: UInt64 = 0
    var acceptedBytes: UInt64 = 0
    /// Datagrams by `DropReason.rawValue`.
    var dropped = InlineArray<8, UInt64>(repeating: 0)
    var droppedBytes: UInt64 = 0
    var truncated: UInt64 = 0
    var hasDropped = false

    init() {}

    /// Adds up the datagrams of a range of a batch, of which those of a mask were accepted and
    /// the others dropped for their reasons.
    init(
        _ batch: borrowing ReceiveBatch,
        _ range: Range<Int>,
        _ reasons: borrowing InlineArray<64, DropReason?>,
        accepted: UInt64
    ) {
        for index in range {
            let datagram = batch.datagram(index)
            acceptedBytes &+= UInt64(datagram.length)
            if datagram.isTruncated { truncated += 1 }
        }
        acceptedDatagrams = UInt64(accepted.nonzeroBitCount)
        if accepted.nonzeroBitCount == range.count { return }
        hasDropped = true
        for index in range {
            guard let reason = reasons[index] else { continue }
            dropped[Int(reason.rawValue)] += 1
            droppedBytes += UInt64(batch.length(index))
        }
        acceptedBytes -= droppedBytes
    }
}

// MARK: - Writing, on the relay thread only

extension SessionCounters {
    func countReceived(_ tally: ReceiveTally, at now: Timestamp) {
        acceptedDatagrams.add(tally.acceptedDatagrams)
        acceptedBytes.add(tally.acceptedBytes)
        if tally.hasDropped {
            for index in tally.dropped.indices { dropped[index].add(tally.dropped[index]) }
            droppedBytes.add(tally.droppedBytes)
        }
        truncated.add(tally.truncated)
        lastReceivedAt.store(now.nanoseconds, ordering: .relaxed)
    }

    /// See `CounterValues.circling`.
    func countCircling(_ count: UInt64) { circling.add(count) }

    func countSent(_ traffic: Traffic, at now: Timestamp) {
        sentDatagrams.add(traffic.datagrams)
        sentBytes.add(traffic.bytes)
        lastSentAt.store(now.nanoseconds, ordering: .relaxed)
    }

    func countForwarded(_ traffic: Traffic) {
        forwardedDatagrams.add(traffic.datagrams)
        forwardedBytes.add(traffic.bytes)
    }

    func countReplied(_ traffic: Traffic, at now: Timestamp) {
        repliedDatagrams.add(traffic.datagrams)
        repliedBytes.add(traffic.bytes)
        lastSentAt.store(now.nanoseconds, ordering: .relaxed)
    }

    /// What the kernel dropped at the receive buffers of askers' ports.
    func countMappedReceiveDrops(_ count: UInt64) {
        if count > 0 { mappedReceiveDrops.add(count) }
    }

    func countRateLimitedReplies(_ count: UInt64) { repliesRateLimited.add(count) }

    func countAnswers(_ count: UInt64) { answers.add(count) }

    func countHandlerBusy(_ count: UInt64) { handlerBusy.add(count) }

    func countSendBufferFull(_ count: UInt64) { lostSendBufferFull.add(count) }

    func countSendFailed(_ count: UInt64) { lostSendFailed.add(count) }

    func countUnreachable(_ count: UInt64) { unreachable.add(count) }
}

// MARK: - Writing, on the handlers' thread only

extension SessionCounters {
    func countHandlerRun() { handlerRuns.add(1) }

    func countHandlerFailure(_ failure: HandlerFailure) {
        handlerFailed[failure.rawValue].add(1)
    }
}

// MARK: - Reading, on any thread

extension SessionCounters {
    /// The counters now; `lostReceiveBufferFull` is the socket's and left out.
    /// See `countMappedReceiveDrops`.
    var mappedReceiveDropCount: UInt64 { mappedReceiveDrops.value }

    package func values() -> CounterValues {
        var values = CounterValues()
        values.accepted = Self.traffic(acceptedDatagrams, acceptedBytes)
        for reason in DropReason.allCases {
            let index = Int(reason.rawValue)
            values.dropped[index] = dropped[index].value
        }
        values.droppedBytes = droppedBytes.value
        values.sent = Self.traffic(sentDatagrams, sentBytes)
        values.forwarded = Self.traffic(forwardedDatagrams, forwardedBytes)
        values.replied = Self.traffic(repliedDatagrams, repliedBytes)
        values.repliesRateLimited = repliesRateLimited.value
        values.answers = answers.value
        values.handler.runs = handlerRuns.value
        for failure in HandlerFailure.allCases {
            let index = failure.rawValue
            values.handler.failed[index] = handlerFailed[index].value
        }
        values.handler.busy = handlerBusy.value
        values.lostSendBufferFull = lostSendBufferFull.value
        values.lostSendFailed = lostSendFailed.value
        values.unreachable = unreachable.value
        values.truncated = truncated.value
        values.circling = circling.value
        values.lastReceivedAt = Self.moment(lastReceivedAt)
        values.lastSentAt = Self.moment(lastSentAt)
        return values
    }

    /// See `CounterValues.circling`.
    var circlingDatagrams: UInt64 { circling.value }

    private static func traffic(
        _ datagrams: borrowing SingleWriterCounter,
        _ bytes: borrowing SingleWriterCounter
    ) -> Traffic {
        Traffic(
            datagrams: datagrams.value,
            bytes: bytes.value
        )
    }

    private static func moment(_ nanoseconds: borrowing Atomic<Int64>) -> Timestamp? {
        let value = nanoseconds.load(ordering: .relaxed)
        return value == .min ? nil : Timestamp(nanoseconds: value)
    }
}
