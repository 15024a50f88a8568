import RelayModel
import Synchronization

/// A session's counters as atomics with one writer each: the relay thread, but for what happens to
/// handlers.
///
/// Readers never wait. `received` is not stored but derived, so that it equals accepted plus
/// dropped in every snapshot, also in one that overlaps an update.
package final class SessionCounters: Sendable {
    private let acceptedDatagrams = Atomic<UInt64>(0)
    private let acceptedBytes = Atomic<UInt64>(0)
    /// Datagrams by `DropReason.rawValue`.
    private let dropped = InlineArray<8, Atomic<UInt64>> { _ in Atomic(0) }
    private let droppedBytes = Atomic<UInt64>(0)
    private let sentDatagrams = Atomic<UInt64>(0)
    private let sentBytes = Atomic<UInt64>(0)
    private let forwardedDatagrams = Atomic<UInt64>(0)
    private let forwardedBytes = Atomic<UInt64>(0)
    private let repliedDatagrams = Atomic<UInt64>(0)
    private let repliedBytes = Atomic<UInt64>(0)
    private let repliesRateLimited = Atomic<UInt64>(0)
    private let handlerBusy = Atomic<UInt64>(0)
    /// These two have another writer, the handlers' thread.
    private let handlerRuns = Atomic<UInt64>(0)
    private let handlerFailed = InlineArray<4, Atomic<UInt64>> { _ in Atomic(0) }
    private let lostSendBufferFull = Atomic<UInt64>(0)
    private let lostSendFailed = Atomic<UInt64>(0)
    private let truncated = Atomic<UInt64>(0)
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

    init() {}

    /// Adds up the first `count` datagrams of a batch, of which those of a mask were accepted and
    /// the others dropped for their reasons.
    init(
        _ batch: borrowing ReceiveBatch,
        _ count: Int,
        _ reasons: borrowing InlineArray<64, DropReason?>,
        accepted: UInt64
    ) {
        for index in 0..<count {
            let datagram = batch.datagram(index)
            acceptedBytes &+= UInt64(datagram.length)
            if datagram.isTruncated { truncated += 1 }
        }
        acceptedDatagrams = UInt64(accepted.nonzeroBitCount)
        if accepted.nonzeroBitCount == count { return }
        for index in 0..<count {
            guard let reason = reasons[index] else { continue }
            dropped[Int(reason.rawValue)] += 1
            droppedBytes += UInt64(batch.length(index))
        }
        acceptedBytes -= droppedBytes
    }
}

// MARK: - Writing, on the relay thread only

/// Adds without a locked instruction: correct because there is one writer.
@inline(__always)
private func add(_ amount: UInt64, to counter: borrowing Atomic<UInt64>) {
    if amount == 0 { return }
    counter.store(counter.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
}

extension SessionCounters {
    func countReceived(_ tally: ReceiveTally, at now: Timestamp) {
        add(tally.acceptedDatagrams, to: acceptedDatagrams)
        add(tally.acceptedBytes, to: acceptedBytes)
        for reason in DropReason.allCases {
            let index = Int(reason.rawValue)
            add(tally.dropped[index], to: dropped[index])
        }
        add(tally.droppedBytes, to: droppedBytes)
        add(tally.truncated, to: truncated)
        lastReceivedAt.store(now.nanoseconds, ordering: .relaxed)
    }

    func countSent(_ traffic: Traffic, at now: Timestamp) {
        add(traffic.datagrams, to: sentDatagrams)
        add(traffic.bytes, to: sentBytes)
        lastSentAt.store(now.nanoseconds, ordering: .relaxed)
    }

    func countForwarded(_ traffic: Traffic) {
        add(traffic.datagrams, to: forwardedDatagrams)
        add(traffic.bytes, to: forwardedBytes)
    }

    func countReplied(_ traffic: Traffic, at now: Timestamp) {
        add(traffic.datagrams, to: repliedDatagrams)
        add(traffic.bytes, to: repliedBytes)
        lastSentAt.store(now.nanoseconds, ordering: .relaxed)
    }

    func countRateLimitedReplies(_ count: UInt64) { add(count, to: repliesRateLimited) }

    func countHandlerBusy(_ count: UInt64) { add(count, to: handlerBusy) }

    func countSendBufferFull(_ count: UInt64) { add(count, to: lostSendBufferFull) }

    func countSendFailed(_ count: UInt64) { add(count, to: lostSendFailed) }
}

// MARK: - Writing, on the handlers' thread only

extension SessionCounters {
    func countHandlerRun() { add(1, to: handlerRuns) }

    func countHandlerFailure(_ failure: HandlerFailure) {
        add(1, to: handlerFailed[failure.rawValue])
    }
}

// MARK: - Reading, on any thread

extension SessionCounters {
    /// The counters now; `lostReceiveBufferFull` is the socket's and left out.
    package func values() -> CounterValues {
        var values = CounterValues()
        values.accepted = Self.traffic(acceptedDatagrams, acceptedBytes)
        for reason in DropReason.allCases {
            let index = Int(reason.rawValue)
            values.dropped[index] = dropped[index].load(ordering: .relaxed)
        }
        values.droppedBytes = droppedBytes.load(ordering: .relaxed)
        values.sent = Self.traffic(sentDatagrams, sentBytes)
        values.forwarded = Self.traffic(forwardedDatagrams, forwardedBytes)
        values.replied = Self.traffic(repliedDatagrams, repliedBytes)
        values.repliesRateLimited = repliesRateLimited.load(ordering: .relaxed)
        values.handler.runs = handlerRuns.load(ordering: .relaxed)
        for failure in HandlerFailure.allCases {
            let index = failure.rawValue
            values.handler.failed[index] = handlerFailed[index].load(ordering: .relaxed)
        }
        values.handler.busy = handlerBusy.load(ordering: .relaxed)
        values.lostSendBufferFull = lostSendBufferFull.load(ordering: .relaxed)
        values.lostSendFailed = lostSendFailed.load(ordering: .relaxed)
        values.truncated = truncated.load(ordering: .relaxed)
        values.lastReceivedAt = Self.moment(lastReceivedAt)
        values.lastSentAt = Self.moment(lastSentAt)
        return values
    }

    private static func traffic(
        _ datagrams: borrowing Atomic<UInt64>,
        _ bytes: borrowing Atomic<UInt64>
    ) -> Traffic {
        Traffic(
            datagrams: datagrams.load(ordering: .relaxed),
            bytes: bytes.load(ordering: .relaxed)
        )
    }

    private static func moment(_ nanoseconds: borrowing Atomic<Int64>) -> Timestamp? {
        let value = nanoseconds.load(ordering: .relaxed)
        return value == .min ? nil : Timestamp(nanoseconds: value)
    }
}
