import RelayModel

extension SentCopies {
    /// What the prepared datagram at an index is to a listener. What is new is remembered.
    @inline(__always)
    func arrival(
        of index: Int,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        at now: Int64
    ) -> Arrival {
        let tick = CopyTick.of(now)
        let datagram = batch.datagram(index)
        let sample = samples[index]
        if listener.expectsCopies(at: tick) && datagram.destinationClass != .unicast,
            let arrival = takeCopy(index, in: batch, for: listener, at: tick)
        {
            return arrival
        }
        let tag = sample ^ listener.sightingKey
        let place = table.place(of: tag, at: tick)
        if table.has(tag, at: place, within: listener.lifetime, of: tick) {
            return arrivesAgain(index, in: batch, for: listener, place, at: now)
        }
        let source = UInt32(truncatingIfNeeded: datagram.sourceKey >> 32)
        table.write(CopyRecord(tag: tag, words: (source, 0, 0, 0), at: tick), to: place)
        return .new
    }

    /// Takes one of the copies that a listener expects; nil when it is none of them.
    @inline(never)
    private func takeCopy(
        _ index: Int,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        at tick: UInt32
    ) -> Arrival? {
        let datagram = batch.datagram(index)
        if listener.expectsPreserved(at: tick), takePreserved(index, in: batch, for: listener, tick)
        {
            return .own
        }
        let tag = samples[index] ^ listener.copyKey(datagram.interfaceIndex)
        guard table.contains(tag),
            let place = table.find(tag, check: digest(batch, index)),
            var copies = Copies(table[place], lifetime: listener.lifetime, at: tick)
        else { return nil }
        let isOwn = ownSockets.mayHaveSent(datagram)
        let time = batch.arrivalTime(index)
        let arrival: Arrival
        if isOwn && copies.heard.take() {
            arrival = .own
        } else if isOwn && copies.original.take() {
            arrival = .new
        } else if copies.takeReturning(time) {
            arrival = .circling
            if copies.mayHaveCrossed(time) {
                noteCrossed(samples[index], check: digest(batch, index), at: tick)
            }
        } else {
            return nil
        }
        table.write(copies.record, to: place)
        return arrival
    }

    /// Whether it is what this daemon relayed with the source that it had, and its socket heard.
    private func takePreserved(
        _ index: Int,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        _ tick: UInt32
    ) -> Bool {
        let interfaceIndex = CopyListener.preservedIndex(batch.datagram(index).interfaceIndex)
        let tag = samples[index] ^ listener.copyKey(interfaceIndex)
        guard table.contains(tag),
            let place = table.find(tag, check: digest(batch, index)),
            var copies = Copies(table[place], lifetime: listener.lifetime, at: tick),
            copies.returning.take()
        else { return false }
        table.write(copies.record, to: place)
        return true
    }

    private func noteCrossed(_ sample: UInt64, check: UInt64, at tick: UInt32) {
        let tag = sample ^ Self.crossedKey
        let place = table.find(tag, check: check) ?? table.victim(for: tag, at: tick)
        table.write(CopyRecord(tag: tag, check: check, at: tick), to: place)
    }

    private func hasCrossed(
        _ sample: UInt64,
        check: UInt64,
        within lifetime: UInt32,
        at tick: UInt32
    ) -> Bool {
        guard let place = table.find(sample ^ Self.crossedKey, check: check) else { return false }
        return tick &- table[place].at <= lifetime
    }

    /// A payload whose sample is known comes again. Its first source may repeat it, and others may
    /// send the same; only one that was not first and sends it again and again seems to relay what
    /// circles, and of those only so many pass. Words: first source, the latest other one, whether
    /// the first has repeated what has this check.
    @inline(never)
    private func arrivesAgain(
        _ index: Int,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        _ place: Int,
        at now: Int64
    ) -> Arrival {
        let tick = CopyTick.of(now)
        let source = UInt32(truncatingIfNeeded: batch.datagram(index).sourceKey >> 32)
        let check = digest(batch, index)
        var record = table[place]
        let isSame = record.content.check == check
        let hasCrossed = hasCrossed(
            samples[index],
            check: check,
            within: listener.lifetime,
            at: tick
        )
        let isSuspect: Bool
        if record.content.words.0 == source {
            isSuspect =
                hasCrossed || listener.preservesSources && isSame && record.content.words.2 != 0
            if !isSame {
                record.content.words = (source, 0, 1, 0)
            } else {
                record.content.words.2 = 1
            }
        } else {
            isSuspect = isSame && record.content.words.1 == source
            if !isSame { record.content.words.2 = 0 }
            record.content.words.1 = source
        }
        let cost = hasCrossed ? CopyListener.crossedCost : 1
        if isSuspect && !listener.admitsCircling(cost: cost, at: now) { return .circling }
        record.content.check = check
        record.at = tick
        table.write(record, to: place)
        return isSuspect ? .suspect : .new
    }
}
