import RelayModel

/// A session's answers: what to say and how often.
struct Replier {
    var renderer: ReplyRenderer
    var bucket: TokenBucket
    /// Who may be answering.
    var streaks = AnswerStreaks()
    /// Which of those that answer it is.
    let number: UInt32

    init(_ reply: Reply, hostname: String, number: UInt32) {
        self.number = number
        renderer = ReplyRenderer(reply.content, hostname: hostname)
        bucket = TokenBucket(
            perSecond: reply.perSecondMax,
            at: HostNetwork.monotonicNanoseconds()
        )
    }
}

extension ActiveSession {
    /// Answers the accepted datagrams of a batch.
    func reply(
        to batch: borrowing ReceiveBatch,
        _ range: Range<Int>,
        _ verdicts: InlineArray<64, DropReason?>,
        _ firstSequence: UInt64,
        _ replies: inout SendBatch
    ) {
        if let queue = session.handler { return handOver(batch, range, verdicts, to: queue) }
        let now = HostNetwork.monotonicNanoseconds()
        var (rateLimited, answers): (UInt64, UInt64) = (0, 0)
        replies.removeAll()
        for index in range where verdicts[index] == nil {
            let datagram = batch.datagram(index)
            // Source port 0 says that no answer is wanted (RFC 768).
            if datagram.source.port == 0 { continue }
            if isAnswer(datagram, batch.payload(index), at: now) {
                answers += 1
                continue
            }
            guard
                let payload = render(
                    datagram,
                    firstSequence + UInt64(index - range.lowerBound),
                    now
                )
            else {
                rateLimited += 1
                continue
            }
            let route = answerRoute(datagram)
            if !replies.append(payload.span, by: route) {
                sendReplies(&replies)
                _ = replies.append(payload.span, by: route)
            }
        }
        activity.counters.countRateLimitedReplies(rateLimited)
        activity.counters.countAnswers(answers)
        sendReplies(&replies)
    }

    /// Whether a datagram is an answer itself, of this daemon or, as far as can be told, of another
    /// responder; those are not answered.
    func isAnswer(
        _ datagram: ReceivedDatagram,
        _ payload: Span<UInt8>,
        at now: Int64
    ) -> Bool {
        guard let number = replier?.value.number else { return false }
        if copies.ownSockets.mayHaveSent(datagram) {
            return copies.isAnswer(payload, heardBy: number, at: now)
        }
        let isQuestion =
            datagram.destinationClass != .unicast && session.definition.reply?.to != .destination
        if isQuestion { return false }
        let port = session.socket.localEndpoint.port
        return replier?.value.streaks.admits(datagram.source, localPort: port, at: now) == false
    }

    private func render(_ datagram: ReceivedDatagram, _ sequence: UInt64, _ now: Int64) -> [UInt8]?
    {
        guard replier?.value.bucket.take(at: now) == true else { return nil }
        let context = ReplyRenderer.Context(
            source: datagram.source,
            destination: datagram.destination,
            interface: interfaceName(datagram.interfaceIndex),
            length: datagram.length,
            sequence: sequence
        )
        return replier?.value.renderer.render(context)
    }

    private func interfaceName(_ index: Int32) -> String {
        if let interface = session.path.interface, interface.index == index {
            return interface.name
        }
        return HostNetwork.interfaceName(index) ?? String(index)
    }

    /// Sends the gathered replies; one that fails is counted and does not stop the others. What
    /// left is counted and remembered too, and returned.
    @discardableResult
    func sendReplies(_ replies: inout SendBatch) -> Traffic {
        var index = 0
        var total = Traffic()
        while index < replies.count {
            let result = transmit(&replies, from: index)
            let sent = max(result, 0)
            if sent > 0 {
                noteAnswers(replies, index..<index + sent)
                let (_, traffic) = rememberSent(replies, index..<index + sent)
                activity.counters.countReplied(traffic, at: HostNetwork.now())
                total = total + traffic
            }
            index += sent
            if result < 0 {
                countFailure(Int32(-result))
                index += 1
            }
        }
        replies.removeAll()
        return total
    }

    /// Remembers answers that left, so that they are known to the sessions of this daemon that hear
    /// them, this one included: none answers them, and none takes them for new when they come back.
    private func noteAnswers(_ replies: borrowing SendBatch, _ range: Range<Int>) {
        let now = HostNetwork.monotonicNanoseconds()
        for index in range {
            let (payload, destination) = (replies.payload(index), replies.destination(index))
            guard let audience = audience(of: destination, isToAll: replies.isToAll(index)) else {
                continue
            }
            if audience.hasLink && admission.dropsOwnCopies {
                admission.own.noteSent(payload, to: destination.address, at: now)
            }
            copies.noteAnswer(payload, at: now)
            copies.noteSentAnswer(
                payload,
                to: audience,
                by: CopyPath(
                    interfaceIndex: replies.interfaceIndex(index),
                    network: CopyNetwork(of: destination.address)
                ),
                of: admission.listener,
                at: now
            )
        }
    }

    /// The sessions of this host that may hear an answer; nil = none.
    private func audience(of destination: Endpoint, isToAll: Bool) -> Audience? {
        if isToAll {
            return Audience(
                of: destination,
                destination.address.isMulticast ? .multicast : .broadcast
            )
        }
        return copies.ownSockets.isOwn(destination.address)
            ? .thisHost(port: destination.port) : nil
    }
}
