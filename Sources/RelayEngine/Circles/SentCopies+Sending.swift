import RelayModel

extension SentCopies {
    /// What was sent, as far as a listener hears it.
    enum Sent {
        /// By a socket that only relays: what is heard of it is known by its source.
        case relayed
        /// By a socket that is shared, which this host hears, too.
        case relayedBySession
        /// With the source that it came with; this host hears it, too.
        case preserved
        /// Something new, which this host hears, too.
        case original
        /// By a socket that is shared, or something new, which this host does not hear.
        case unheard
    }

    /// Remembers the datagrams of a mask that were sent to an audience that these are part of; the
    /// deaf one is not shown copies of this daemon's own.
    func noteSent(
        _ batch: borrowing ReceiveBatch,
        _ mask: UInt64,
        to listeners: [CopyListener],
        by path: CopyPath,
        _ sent: Sent,
        deaf: CopyListener?,
        at now: Int64
    ) {
        prepare(batch, mask, at: now)
        makeRoom(for: mask.nonzeroBitCount * listeners.count, at: now)
        let tick = CopyTick.of(now)
        var rest = mask
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            let (sample, check) = (samples[index], digest(batch, index))
            let arrival = batch.arrivalTime(index)
            for listener in listeners {
                let sent = listener === deaf ? .unheard : sent
                expect(sample, check, listener, path, sent, of: arrival, at: tick)
            }
        }
    }

    /// Remembers an answer of a sender that was sent to an audience, by a path where that has a link.
    ///
    /// To all of a side it is as new as a host's answer. To this host it is new to who may have asked,
    /// and never to who has sent it.
    func noteSentAnswer(
        _ payload: Span<UInt8>,
        to audience: Audience,
        by path: CopyPath,
        of sender: CopyListener?,
        at now: Int64
    ) {
        let listeners = listeners(of: audience, interfaceIndex: path.interfaceIndex)
        if audience.hasLink {
            noteSent(
                payload,
                to: listeners,
                by: path,
                .original,
                deaf: nil,
                at: now
            )
            return
        }
        for listener in listeners {
            noteSent(
                payload,
                to: [listener],
                by: CopyPath(interfaceIndex: CopyListener.hostIndex),
                listener.asks && listener !== sender ? .original : .relayedBySession,
                deaf: nil,
                at: now
            )
        }
    }

    /// Remembers a datagram that was sent to an audience that these are part of.
    func noteSent(
        _ payload: Span<UInt8>,
        to listeners: [CopyListener],
        by path: CopyPath,
        _ sent: Sent,
        deaf: CopyListener?,
        at now: Int64
    ) {
        if listeners.isEmpty { return }
        makeRoom(for: listeners.count, at: now)
        let sample = max(PayloadHash.sample(payload), 1)
        let check = Self.digest(payload, sample: sample)
        let tick = CopyTick.of(now)
        for listener in listeners {
            let sent = listener === deaf ? .unheard : sent
            expect(sample, check, listener, path, sent, of: nil, at: tick)
        }
    }

    private func expect(
        _ sample: UInt64,
        _ check: UInt64,
        _ listener: CopyListener,
        _ path: CopyPath,
        _ sent: Sent,
        of arrival: ArrivalTime?,
        at tick: UInt32
    ) {
        let tag = sample ^ listener.copyKey(path.interfaceIndex)
        let place = table.find(tag, check: check) ?? table.victim(for: tag, check: check, at: tick)
        let known = table[place]
        var copies =
            known.tag == tag && known.content.check == check
            ? Copies(known, lifetime: listener.lifetime, at: tick) : nil
        if copies == nil { copies = Copies(tag: tag, check: check, at: tick) }
        copies?.add(sent, to: path.network, of: arrival)
        if let copies { table.write(copies.record, to: place) }
        listener.expectCopy(at: tick)
        guard case .preserved = sent else { return }
        // A record of its own, since its source does not tell it.
        expect(sample, check, listener, path.preserved, .relayed, of: nil, at: tick)
        listener.expectPreserved(at: tick)
    }
}
