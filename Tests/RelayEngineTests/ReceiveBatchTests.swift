import Testing

@testable import RelayEngine

@Suite struct ReceiveBatchTests {
    /// 65 507 bytes leave as one message.
    @Test(arguments: [
        (0, 64), (1, 64), (1023, 64), (1024, 63), (1316, 49), (1472, 44), (2047, 64), (8972, 63),
        (32_753, 64), (65_507, 64), (65_535, 64),
    ])
    func aBatchIsAsLargeAsWholeMessages(length: Int, limit: Int) {
        #expect(ReceiveBatch.limitOfWholeMessages(length: length) == limit)
        let perMessage = 65_507 / max(length, 1)
        #expect(limit == ReceiveBatch.capacity || limit % perMessage == 0)
    }
}
