import Testing

@testable import RelayEngine

@Suite struct ReceiveBatchTests {
    /// 65 487 bytes leave as one message.
    @Test(arguments: [
        (0, 64), (1, 64), (1023, 64), (1024, 63), (1310, 49), (1316, 49), (1424, 45), (1472, 44),
        (1984, 64), (2047, 62), (3000, 63), (8972, 64), (32_743, 64), (65_507, 64), (65_535, 64),
    ])
    func aBatchIsAsLargeAsWholeMessages(length: Int, limit: Int) {
        #expect(ReceiveBatch.limitOfWholeMessages(length: length) == limit)
    }

    @Test func aSmallerBatchMakesFewerMessages() {
        for length in 1...65_535 {
            let limit = ReceiveBatch.limitOfWholeMessages(length: length)
            #expect((33...64).contains(limit))
            if limit == 64 { continue }
            let perMessage = 65_487 / length
            let messages = (64 + perMessage - 1) / perMessage
            #expect(limit % perMessage == 0 && 5 * perMessage * messages >= 6 * 64 - 5)
        }
    }
}
