/// From whom a listener had one payload.
///
/// Of what comes for the first time no more is written than the mark of its record: the content then
/// is that of an older record, and does not count.
struct Sighting {
    /// Who sent it first.
    var first: UInt32
    /// The latest other one; 0 = none.
    var other: UInt32 = 0
    /// Whether the first one has repeated what has this check.
    var hasRepeated = false
    /// The digest of the payload that came last; 0 = not needed so far.
    var check: UInt64 = 0

    init(_ record: CopyRecord) {
        first = record.mark.word | Self.hasContent
        if record.mark.word & Self.hasContent == 0 { return }
        other = record.content.words.0
        hasRepeated = record.content.words.1 != 0
        check = record.content.check
    }

    /// In the word of a mark: whether the content counts.
    private static let hasContent: UInt32 = 1

    /// A source as it is told apart: never 0.
    @inline(__always)
    static func source(_ datagram: ReceivedDatagram) -> UInt32 {
        UInt32(truncatingIfNeeded: datagram.sourceKey >> 32) | hasContent
    }

    /// The mark of what a source sends for the first time.
    @inline(__always)
    static func mark(of source: UInt32, at tick: UInt32) -> CopyRecord.Mark {
        CopyRecord.Mark(at: tick, word: source & ~hasContent)
    }

    func record(_ tag: UInt64, at tick: UInt32) -> CopyRecord {
        CopyRecord(
            tag: tag,
            mark: CopyRecord.Mark(at: tick, word: first),
            content: CopyRecord.Content(check: check, words: (other, hasRepeated ? 1 : 0, 0, 0))
        )
    }
}
