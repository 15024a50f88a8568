/// The records of the daemon, found by the samples of payloads.
///
/// Begins small, doubles by what lives, and shrinks again. At its largest, the oldest record of a
/// bucket gives way. What is searched is kept apart from what is only read when it was found: the
/// tags of a bucket are a cache line, and so are its marks.
struct CopyTable: ~Copyable {
    /// Records of the smallest table, 10 KiB, and of the largest, 640 KiB.
    static let recordsMin = 256
    static let recordsMax = 16_384
    /// The records of a bucket.
    static let bucketRecords = 8
    /// The buckets that a record may be in where those of one payload are many.
    static let windowBuckets = 4
    private static let windowRecords = windowBuckets * bucketRecords
    /// What is younger is not overwritten as long as its window has anything older.
    private static let sparedTicks: UInt32 = 4

    private var tags: FixedBuffer<UInt64>
    private var marks: FixedBuffer<CopyRecord.Mark>
    private var contents: FixedBuffer<CopyRecord.Content>
    /// Records that are not blank.
    private(set) var used = 0

    init() { self.init(count: Self.recordsMin) }

    private init(count: Int) {
        tags = FixedBuffer(repeating: 0, count: count)
        marks = FixedBuffer(repeating: CopyRecord.Mark(), count: count)
        contents = FixedBuffer(repeating: CopyRecord.Content(), count: count)
    }

    /// Records that there is room for.
    var count: Int { tags.count }

    subscript(place: Int) -> CopyRecord {
        @inline(__always) get {
            CopyRecord(tag: tags[place], mark: marks[place], content: contents[place])
        }
    }

    /// Whether the record at a place has this tag, and is not older.
    @inline(__always)
    func has(_ tag: UInt64, at place: Int, within lifetime: UInt32, of tick: UInt32) -> Bool {
        tags[place] == tag && tick &- marks[place].at <= lifetime
    }

    /// Writes a record to a place that `place`, `find` or `victim` gave.
    @inline(__always)
    mutating func write(_ record: CopyRecord, to place: Int) {
        write(record.tag, record.mark, to: place)
        contents[place] = record.content
    }

    /// Writes a record without content; what the place has for one is another record's.
    @inline(__always)
    mutating func write(_ tag: UInt64, _ mark: CopyRecord.Mark, to place: Int) {
        if tags[place] == 0 { used &+= 1 }
        tags[place] = tag
        marks[place] = mark
    }

    /// The first place that a record with this tag or sample can be in. Its lower half is free for
    /// whom the record is for.
    @inline(__always)
    private func bucket(of tag: UInt64) -> Int {
        Int(truncatingIfNeeded: tag &>> 32) & (tags.count &- Self.bucketRecords)
    }

    /// Has the processor fetch a bucket.
    @inline(__always)
    func fetch(bucketOf sample: UInt64) {
        let first = bucket(of: sample)
        tags.prefetch(first)
        marks.prefetch(first)
    }

    /// Where the record with this tag is in its bucket, or else what it may overwrite: a blank or
    /// the oldest record.
    @inline(__always)
    func place(of tag: UInt64, at tick: UInt32) -> Int {
        let first = bucket(of: tag)
        let end = first &+ Self.bucketRecords
        // Once for the bucket, and not for each place.
        precondition(end <= tags.count && end <= marks.count)
        for place in first..<end where tags[place] == tag { return place }
        var (oldest, oldestAge) = (first, UInt32(0))
        for place in first..<end {
            if tags[place] == 0 { return place }
            let age = tick &- marks[place].at
            if age > oldestAge { (oldest, oldestAge) = (place, age) }
        }
        // Where the table cannot grow, only what is just written is spared.
        let isSpared = tags.count < Self.recordsMax || oldestAge < Self.sparedTicks
        return isSpared ? placeBeside(first, tag, at: tick) : oldest
    }

    /// The same where the bucket is full of others that matter.
    @inline(never)
    private func placeBeside(_ first: Int, _ tag: UInt64, at tick: UInt32) -> Int {
        for offset in Self.bucketRecords..<Self.windowRecords {
            let place = (first &+ offset) & (tags.count &- 1)
            if tags[place] == tag { return place }
        }
        return oldest(from: first, tag, at: tick).place
    }

    /// Where the record of this tag and check is; nil = nowhere.
    func find(_ tag: UInt64, check: UInt64) -> Int? {
        let first = bucket(of: tag)
        var isShared = false
        for offset in 0..<Self.windowRecords {
            let place = (first + offset) & (tags.count - 1)
            if tags[place] != tag { continue }
            if contents[place].check == check { return place }
            isShared = true
        }
        return isShared ? findSpilled(tag, check: check) : nil
    }

    /// A window has one record of a tag. Those of other payloads with the same sample are each in a
    /// window that the check says, since there may be any number of them.
    @inline(never)
    private func findSpilled(_ tag: UInt64, check: UInt64) -> Int? {
        let first = bucket(of: tag ^ check)
        for offset in 0..<Self.windowRecords {
            let place = (first + offset) & (tags.count - 1)
            if tags[place] == tag && contents[place].check == check { return place }
        }
        return nil
    }

    /// Whether the window has a record with this tag, whatever its check.
    func contains(_ tag: UInt64) -> Bool {
        let first = bucket(of: tag)
        for offset in 0..<Self.windowRecords where tags[(first + offset) & (tags.count - 1)] == tag
        {
            return true
        }
        return false
    }

    /// What a new record of this tag and check may overwrite: a blank one of its window, else the
    /// oldest.
    func victim(for tag: UInt64, check: UInt64, at tick: UInt32) -> Int {
        let (own, isShared) = oldest(from: bucket(of: tag), tag, at: tick)
        return isShared ? oldest(from: bucket(of: tag ^ check), tag, at: tick).place : own
    }

    /// The place of a window to overwrite, and whether the window has a record of a tag.
    private func oldest(
        from first: Int,
        _ tag: UInt64,
        at tick: UInt32
    ) -> (place: Int, hasTag: Bool) {
        var (oldest, oldestAge) = (first, UInt32(0))
        var hasTag = false
        for offset in 0..<Self.windowRecords {
            let place = (first &+ offset) & (tags.count &- 1)
            if tags[place] == tag { hasTag = true }
            let age = tags[place] == 0 ? .max : tick &- marks[place].at
            if age > oldestAge { (oldest, oldestAge) = (place, age) }
        }
        return (oldest, hasTag)
    }
}

// MARK: - Size

extension CopyTable {
    /// Makes room for more records: a table that is more than a quarter full grows until it is as
    /// large as it may be.
    @inline(__always)
    mutating func makeRoom(for more: Int, living lifetime: UInt32, at tick: UInt32) {
        if (used &+ more) &* 4 <= tags.count || tags.count == Self.recordsMax { return }
        resize(for: more, living: lifetime, at: tick)
    }

    /// Gives back what is no longer needed.
    mutating func shrink(living lifetime: UInt32, at tick: UInt32) {
        if isLarge && size(for: 0, living: lifetime, at: tick) < count {
            resize(for: 0, living: lifetime, at: tick)
        }
    }

    /// Whether `shrink` could give something back.
    var isLarge: Bool { tags.count > Self.recordsMin }

    @inline(never)
    private mutating func resize(for more: Int, living lifetime: UInt32, at tick: UInt32) {
        var next = CopyTable(count: size(for: more, living: lifetime, at: tick))
        for place in 0..<count where isLive(place, lifetime, tick) {
            let record = self[place]
            let check = record.content.check
            next.write(record, to: next.victim(for: record.tag, check: check, at: tick))
        }
        self = next
    }

    /// Records of a table for what lives, and more.
    private func size(for more: Int, living lifetime: UInt32, at tick: UInt32) -> Int {
        var live = 0
        for place in 0..<count where isLive(place, lifetime, tick) { live += 1 }
        var size = Self.recordsMin
        while size < Self.recordsMax && size < 8 * (live + more) { size *= 2 }
        return size
    }

    private func isLive(_ place: Int, _ lifetime: UInt32, _ tick: UInt32) -> Bool {
        tags[place] != 0 && tick &- marks[place].at <= lifetime
    }
}
