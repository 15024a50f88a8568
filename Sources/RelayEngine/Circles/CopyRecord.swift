/// What is known of one payload for one listener.
struct CopyRecord {
    /// What is looked at together with the tag.
    struct Mark {
        /// In ticks, which wrap after 52 days.
        var at: UInt32 = 0
        /// Means what the record's kind says.
        var word: UInt32 = 0
    }

    /// What is looked at only when the tag was found: in words of 32 bits, so that it takes no more
    /// memory than that.
    struct Content {
        private var checkWords: (UInt32, UInt32) = (0, 0)
        /// Mean what the record's kind says.
        var words: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)

        init(check: UInt64 = 0, words: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)) {
            checkWords = (UInt32(truncatingIfNeeded: check), UInt32(check >> 32))
            self.words = words
        }

        /// The digest of the whole payload; 0 = not needed so far.
        var check: UInt64 { UInt64(checkWords.1) << 32 | UInt64(checkWords.0) }
    }

    /// The payload's sample, mixed with whom the record is for; 0 = blank.
    let tag: UInt64
    let mark: Mark
    let content: Content

    init(tag: UInt64, mark: Mark, content: Content = Content()) {
        self.tag = tag
        self.mark = mark
        self.content = content
    }

    init(tag: UInt64, check: UInt64, word: UInt32 = 0, at tick: UInt32) {
        self.init(tag: tag, mark: Mark(at: tick, word: word), content: Content(check: check))
    }
}

/// Time in the memory of copies: ticks of 2^20 ns, about 1.05 ms.
enum CopyTick {
    private static let shift: Int64 = 20

    /// The tick of a moment in monotonic nanoseconds.
    @inline(__always)
    static func of(_ now: Int64) -> UInt32 { UInt32(truncatingIfNeeded: now &>> shift) }

    /// A lifetime that is never shorter than it says, and up to two ticks longer.
    static func lifetime(milliseconds: Int) -> UInt32 {
        UInt32((Int64(milliseconds) * 1_000_000) &>> shift) + 1
    }
}

/// How many copies may still come, of this lifetime and of the one before it: two 16-bit counts in
/// a word.
struct ExpectedCopies {
    var word: UInt32

    @inline(__always)
    init(_ word: UInt32) { self.word = word }

    var isEmpty: Bool { word == 0 }

    private var current: UInt32 { word & 0xFFFF }
    private var previous: UInt32 { word >> 16 }

    /// One more was sent; beyond 65 535 in a lifetime they are not counted.
    mutating func add() { if current < 0xFFFF { word += 1 } }

    /// Whether there was one to take; the oldest go first.
    mutating func take() -> Bool {
        if previous > 0 {
            word -= 1 << 16
        } else if current > 0 {
            word -= 1
        } else {
            return false
        }
        return true
    }

    /// A lifetime has ended; those of the one before it are not expected any longer.
    mutating func age() { word = current << 16 }
}
