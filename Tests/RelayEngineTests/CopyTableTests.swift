import Testing

@testable import RelayEngine

@Suite struct CopyTableTests {
    private let lifetime: UInt32 = 1000

    @Test func aTableGrowsByWhatLivesAndShrinksAgain() {
        var table = CopyTable()
        let smallest = table.count
        #expect(smallest == CopyTable.recordsMin)
        fill(&table, 1...2000, at: 10)
        let grown = table.count
        #expect(grown == 16_384)
        // Those have expired; the newer ones need less room.
        table.shrink(living: lifetime, at: 2000)
        let (count, used) = (table.count, table.used)
        #expect(count == CopyTable.recordsMin && used == 0)
    }

    @Test func aTableIsNeverLargerThanItsLimit() {
        var table = CopyTable()
        fill(&table, 1...50_000, at: 10)
        let (count, used) = (table.count, table.used)
        #expect(count == CopyTable.recordsMax && used <= count)
    }

    @Test func growingKeepsWhatLives() {
        var table = CopyTable()
        fill(&table, 1...100, at: 10)
        fill(&table, 101...3000, at: 20)
        let found = (1...3000).count { table.find(tag($0), check: UInt64($0)) != nil }
        #expect(found > 2950)
    }

    /// One bucket has eight places, its window 32.
    @Test func theOldestOfAWindowGivesWay() {
        var table = CopyTable()
        for number in 0..<33 as Range<UInt64> {
            let place = table.place(of: 7 << 32 | number + 1, at: UInt32(number + 10))
            table.write(7 << 32 | number + 1, CopyRecord.Mark(at: UInt32(number)), to: place)
        }
        let isThere = (1...33).map { table.contains(7 << 32 | $0) }
        #expect(isThere == [false] + Array(repeating: true, count: 32))
        let place = table.place(of: 7 << 32 | 33, at: 50)
        let isFound = table.has(7 << 32 | 33, at: place, within: 50, of: 50)
        #expect(isFound)
    }

    @Test func equalTagsWithOtherChecksAreOtherRecords() {
        var table = CopyTable()
        for check in 1...8 as ClosedRange<UInt64> {
            let place = table.victim(for: 5, check: check, at: 0)
            table.write(CopyRecord(tag: 5, check: check, at: 0), to: place)
        }
        let isThere = (1...9).map { table.find(5, check: $0) != nil }
        #expect(isThere == Array(repeating: true, count: 8) + [false])
    }

    /// Payloads that differ only where the sample does not look, as many as there is room for.
    @Test func anyNumberOfRecordsHaveOneTag() {
        var table = CopyTable()
        for number in 1...2000 {
            table.makeRoom(for: 1, living: lifetime, at: 0)
            let check = tag(number)
            let place = table.victim(for: 5, check: check, at: 0)
            table.write(CopyRecord(tag: 5, check: check, at: 0), to: place)
        }
        #expect((1...2000).allSatisfy { table.find(5, check: tag($0)) != nil })
        #expect(table.find(5, check: tag(2001)) == nil && table.find(6, check: tag(1)) == nil)
    }

    private func tag(_ number: Int) -> UInt64 {
        UInt64(number) &* 0x9E37_79B9_7F4A_7C15
    }

    private func fill(_ table: inout CopyTable, _ numbers: ClosedRange<Int>, at tick: UInt32) {
        for number in numbers {
            table.makeRoom(for: 1, living: lifetime, at: tick)
            let record = CopyRecord(tag: tag(number), check: UInt64(number), at: tick)
            let place = table.victim(for: record.tag, check: UInt64(number), at: tick)
            table.write(record, to: place)
        }
    }
}
