import RelayModel

/// Sessions that relay to each other by unicast: in a row, or in a circle.
extension SentCopies {
    /// Remembers from whom a listener first had a payload; for one that sessions of this daemon relay
    /// to by unicast.
    @inline(never)
    func noteFirst(
        _ index: Int,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        _ table: inout CopyTable,
        at tick: UInt32
    ) {
        let tag = firstTag(index, listener)
        let check = digest(batch, index)
        let known = table.find(tag, check: check)
        var first = Sighting.source(batch.datagram(index))
        if let known, tick &- table[known].mark.at <= listener.lifetime {
            first = table[known].mark.word
        }
        let record = CopyRecord(tag: tag, check: check, word: first, at: tick)
        table.write(record, to: known ?? table.victim(for: tag, check: check, at: tick))
    }

    /// Whether a listener had a payload from another source first.
    func hasFromElsewhere(
        _ index: Int,
        in batch: borrowing ReceiveBatch,
        for listener: CopyListener,
        _ table: borrowing CopyTable,
        at tick: UInt32
    ) -> Bool {
        let tag = firstTag(index, listener)
        guard let place = table.find(tag, check: digest(batch, index)),
            tick &- table[place].mark.at <= listener.lifetime
        else { return false }
        return table[place].mark.word != Sighting.source(batch.datagram(index))
    }

    /// In other buckets than the records that every listener has.
    private func firstTag(_ index: Int, _ listener: CopyListener) -> UInt64 {
        samples[index] &* 0x9E37_79B9_7F4A_7C15 ^ listener.sightingKey
    }
}
