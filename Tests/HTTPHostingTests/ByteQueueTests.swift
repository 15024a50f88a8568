import Testing

@testable import HTTPHosting

@Suite struct ByteQueueTests {
    private func take(_ count: Int, from queue: inout ByteQueue) -> [UInt8] {
        var bytes: [UInt8] = []
        let taken = queue.take(count) { piece in
            for index in piece.indices { bytes.append(piece[index]) }
        }
        #expect(taken == bytes.count)
        return bytes
    }

    @Test(arguments: 1...12)
    func piecesOfAnySizeAddUp(pieceBytes: Int) {
        var queue = ByteQueue()
        for chunk in [[1, 2, 3], [], [4], [5, 6, 7, 8, 9]] as [[UInt8]] { queue.append(chunk) }
        #expect(queue.byteCount == 9 && queue.chunkCount == 3)
        var all: [UInt8] = []
        while true {
            let piece = take(pieceBytes, from: &queue)
            if piece.isEmpty { break }
            all += piece
            #expect(queue.byteCount == 9 - all.count)
        }
        #expect(all == [1, 2, 3, 4, 5, 6, 7, 8, 9] && queue.chunkCount == 0)
    }

    @Test func appendingWhileTakingKeepsTheOrder() {
        var queue = ByteQueue()
        var (next, expected) = (0, 0)
        for round in 0..<500 {
            for _ in 0..<(round % 7) {
                queue.append([UInt8(truncatingIfNeeded: next), UInt8(truncatingIfNeeded: next + 1)])
                next += 2
            }
            for byte in take(round % 11, from: &queue) {
                #expect(byte == UInt8(truncatingIfNeeded: expected))
                expected += 1
            }
        }
        #expect(queue.byteCount == next - expected)
    }
}
