import RelayModel

extension SentCopies {
    /// What the prepared datagrams of a mask are to a listener. What is new is remembered.
    func arrivals(
        of mask: UInt64,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        at now: Int64
    ) -> Arrivals {
        // One access for all of them: those below get the table from here.
        arrivals(of: mask, in: batch, for: listener, &table, at: now)
    }

    private func arrivals(
        of mask: UInt64,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        _ table: inout CopyTable,
        at now: Int64
    ) -> Arrivals {
        let tick = CopyTick.of(now)
        let (key, lifetime) = (listener.sightingKey, listener.sightingLifetime)
        // Nothing is sent meanwhile.
        let expectsCopies = listener.expectsCopies(at: tick)
        let keepsDigests = listener.keepsDigests
        var arrivals = Arrivals()
        var rest = mask
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            let datagram = batch.datagram(index)
            if expectsCopies,
                let arrival = datagram.isUnicast
                    ? takeOwn(index, in: batch, for: listener, &table, at: tick)
                    : takeCopy(index, in: batch, for: listener, &table, at: tick)
            {
                arrivals.note(arrival, of: index)
                continue
            }
            if keepsDigests {
                noteFirst(index, in: batch, for: listener, &table, at: tick)
            }
            let tag = samples[index] ^ key
            let place = table.place(of: tag, at: tick)
            if table.has(tag, at: place, within: lifetime, of: tick) {
                let arrival = arrivesAgain(index, in: batch, for: listener, place, &table, at: now)
                arrivals.note(arrival, of: index)
            } else {
                table.write(tag, Sighting.mark(of: Sighting.source(datagram), at: tick), to: place)
            }
        }
        return arrivals
    }

    /// Takes one of the copies that a listener expects; nil when it is none of them.
    @inline(never)
    private func takeCopy(
        _ index: Int,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        _ table: inout CopyTable,
        at tick: UInt32
    ) -> Arrival? {
        let datagram = batch.datagram(index)
        if listener.expectsPreserved(at: tick),
            takePreserved(index, in: batch, for: listener, &table, at: tick)
        {
            return .own
        }
        let tag = samples[index] ^ listener.copyKey(datagram.interfaceIndex)
        guard table.contains(tag),
            let place = table.find(tag, check: digest(batch, index)),
            var copies = Copies(table[place], lifetime: listener.lifetime, at: tick),
            copies.network.overlaps(CopyNetwork(of: datagram.destination))
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
                noteCrossed(samples[index], check: digest(batch, index), &table, at: tick)
            }
        } else {
            return nil
        }
        table.write(copies.record, to: place)
        return arrival
    }

    /// What this daemon has sent to this host itself; nil when it is no such datagram.
    @inline(never)
    private func takeOwn(
        _ index: Int,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        _ table: inout CopyTable,
        at tick: UInt32
    ) -> Arrival? {
        let tag = samples[index] ^ listener.copyKey(CopyListener.hostIndex)
        guard table.contains(tag), ownSockets.mayHaveSent(batch.datagram(index)),
            let place = table.find(tag, check: digest(batch, index)),
            var copies = Copies(table[place], lifetime: listener.lifetime, at: tick)
        else { return nil }
        // Each copy sent is among these, relayed or an answer.
        guard copies.returning.take() else { return nil }
        let arrival: Arrival?
        if copies.heard.take() {
            arrival = .own
        } else if copies.original.take() {
            arrival = .answer
        } else {
            // Sessions may be in a row; in a circle it comes again, and not from who sent it first.
            arrival =
                hasFromElsewhere(index, in: batch, for: listener, table, at: tick) ? .own : nil
        }
        table.write(copies.record, to: place)
        return arrival
    }

    /// Whether it is what this daemon relayed with the source that it had, and its socket heard.
    private func takePreserved(
        _ index: Int,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        _ table: inout CopyTable,
        at tick: UInt32
    ) -> Bool {
        let datagram = batch.datagram(index)
        let interfaceIndex = CopyListener.preservedIndex(datagram.interfaceIndex)
        let tag = samples[index] ^ listener.copyKey(interfaceIndex)
        guard table.contains(tag),
            let place = table.find(tag, check: digest(batch, index)),
            var copies = Copies(table[place], lifetime: listener.lifetime, at: tick),
            copies.network.overlaps(CopyNetwork(of: datagram.destination)),
            copies.returning.take()
        else { return false }
        table.write(copies.record, to: place)
        return true
    }

    private func noteCrossed(
        _ sample: UInt64,
        check: UInt64,
        _ table: inout CopyTable,
        at tick: UInt32
    ) {
        let tag = sample ^ Self.crossedKey
        let place = table.find(tag, check: check) ?? table.victim(for: tag, check: check, at: tick)
        table.write(CopyRecord(tag: tag, check: check, at: tick), to: place)
    }

    private func hasCrossed(
        _ sample: UInt64,
        check: UInt64,
        within lifetime: UInt32,
        _ table: borrowing CopyTable,
        at tick: UInt32
    ) -> Bool {
        guard let place = table.find(sample ^ Self.crossedKey, check: check) else { return false }
        return tick &- table[place].mark.at <= lifetime
    }

    /// A payload whose sample is known comes again. Its first source may repeat it, and others may
    /// send the same; only one that was not first and sends it again and again seems to relay what
    /// circles, and of those only so many pass.
    @inline(never)
    private func arrivesAgain(
        _ index: Int,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        _ place: Int,
        _ table: inout CopyTable,
        at now: Int64
    ) -> Arrival {
        let tick = CopyTick.of(now)
        let datagram = batch.datagram(index)
        let source = Sighting.source(datagram)
        let check = digest(batch, index)
        let place = self.place(ofSightings: check, listener, place, &table, at: tick)
        let record = table[place]
        var sighting = Sighting(record)
        let isSame = sighting.check == check
        let hasCrossed = hasCrossed(
            samples[index],
            check: check,
            within: listener.lifetime,
            table,
            at: tick
        )
        let isSuspect: Bool
        if sighting.first == source {
            // Another relay may have the address and the port that one of ours sends from, too.
            isSuspect =
                hasCrossed
                || isSame && sighting.hasRepeated
                    && (listener.preservesSources || ownSockets.mayHaveSent(datagram))
            if !isSame { sighting.other = 0 }
            sighting.hasRepeated = true
        } else {
            isSuspect = isSame && sighting.other == source
            if !isSame { sighting.hasRepeated = false }
            sighting.other = source
        }
        let cost = hasCrossed ? CopyListener.crossedCost : 1
        if isSuspect && !listener.admitsCircling(cost: cost, at: now) {
            // What is dropped is remembered, too, or it would be new after a while.
            let mark = CopyRecord.Mark(at: tick, word: record.mark.word)
            table.write(record.tag, mark, to: place)
            return .circling
        }
        sighting.check = check
        table.write(sighting.record(record.tag, at: tick), to: place)
        return isSuspect ? .suspect : .new
    }

    /// The record of a payload whose sample is known: of the first that comes again that of its
    /// sample, and of each other one a record of its own, or those that circle together would hide
    /// each other. Who sent it first is known of the sample only, as the first one has no digest.
    private func place(
        ofSightings check: UInt64,
        _ listener: CopyListener,
        _ place: Int,
        _ table: inout CopyTable,
        at tick: UInt32
    ) -> Int {
        let record = table[place]
        let sighting = Sighting(record)
        if sighting.check == 0 || sighting.check == check { return place }
        // The sample is in use.
        table.write(sighting.record(record.tag, at: tick), to: place)
        let tag = record.tag ^ Self.twinKey
        let known = table.find(tag, check: check)
        if let known, tick &- table[known].mark.at <= listener.sightingLifetime { return known }
        let own = known ?? table.victim(for: tag, check: check, at: tick)
        // It is not the same yet.
        var twin = Sighting(CopyRecord(tag: tag, mark: record.mark))
        twin.check = ~check
        table.write(twin.record(tag, at: tick), to: own)
        return own
    }
}
