import RelayModel

extension ActiveSession {
    /// Has a handler answer the accepted datagrams of a batch, as many as the rate lets through.
    func handOver(
        _ batch: borrowing ReceiveBatch,
        _ range: Range<Int>,
        _ verdicts: InlineArray<64, DropReason?>,
        to queue: HandlerQueue
    ) {
        let now = HostNetwork.monotonicNanoseconds()
        var rateLimited: UInt64 = 0
        var (busy, answers): (UInt64, UInt64) = (0, 0)
        for index in range where verdicts[index] == nil {
            let datagram = batch.datagram(index)
            // Source port 0 says that no answer is wanted (RFC 768).
            if datagram.source.port == 0 { continue }
            if isAnswer(datagram, batch.payload(index), at: now) {
                answers += 1
                continue
            }
            if replier?.value.bucket.take(at: now) != true {
                rateLimited += 1
            } else if !queue.put(
                datagram,
                batch.payload(index),
                in: session,
                answeredBy: answerRoute(datagram)
            ) {
                busy += 1
            }
        }
        activity.counters.countRateLimitedReplies(rateLimited)
        activity.counters.countHandlerBusy(busy)
        activity.counters.countAnswers(answers)
    }

    /// Sends a line that a handler has printed, unless the session has another reply by now.
    ///
    /// The first line of a run was let through with the datagram; every other one counts anew, so
    /// that there are never more replies than `perSecondMax`.
    func send(_ answer: HandlerAnswer, _ replies: inout SendBatch) {
        guard session.handler === answer.queue else { return }
        let now = HostNetwork.monotonicNanoseconds()
        guard answer.isFirst || replier?.value.bucket.take(at: now) == true else {
            return activity.counters.countRateLimitedReplies(1)
        }
        replies.removeAll()
        let route = answer.route.refreshed(in: links.networks)
        let isAdded = replies.append(answer.payload.span, by: route)
        precondition(isAdded, "a datagram fits in an empty batch")
        sendReplies(&replies)
    }
}
