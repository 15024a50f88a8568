import Testing

@testable import RelayEngine

@Suite struct SightingTests {
    @Test func theContentOfAnOlderRecordDoesNotCount() {
        let stale = CopyRecord.Content(check: 7, words: (8, 1, 0, 0))
        let mark = Sighting.mark(of: 0x1235, at: 40)
        let sighting = Sighting(CopyRecord(tag: 1, mark: mark, content: stale))
        #expect(sighting.first == 0x1235 && sighting.other == 0 && sighting.check == 0)
        #expect(!sighting.hasRepeated)
    }

    @Test func whatWasWrittenIsReadAgain() {
        var sighting = Sighting(CopyRecord(tag: 1, mark: Sighting.mark(of: 3, at: 1)))
        sighting.other = 5
        sighting.hasRepeated = true
        sighting.check = 0xFEDC_BA98_7654_3210
        let record = sighting.record(1, at: 2)
        let again = Sighting(record)
        #expect(record.mark.at == 2 && again.first == 3 && again.other == 5)
        #expect(again.hasRepeated && again.check == 0xFEDC_BA98_7654_3210)
    }

    @Test func aRecordTakesFortyBytes() {
        #expect(MemoryLayout<CopyRecord.Mark>.stride == 8)
        #expect(MemoryLayout<CopyRecord.Content>.stride == 24)
    }
}
