import Testing

@testable import RelayEngine

@Suite struct FixedBufferTests {
    @Test func everyElementKeepsItsOwnValue() {
        let buffer = FixedBuffer(repeating: 7, count: 100)
        #expect(buffer.count == 100 && buffer[0] == 7 && buffer[99] == 7)
        for index in 0..<100 { buffer[index] = index }
        #expect((0..<100).allSatisfy { buffer[$0] == $0 })
    }

    @Test func elementsAreReleasedWithTheBuffer() {
        final class Witness {}
        weak var witness: Witness?
        do {
            let owner = Witness()
            witness = owner
            let buffer = FixedBuffer<Witness?>(repeating: owner, count: 3)
            buffer[1] = nil
            #expect(buffer[0] === owner && buffer[1] == nil)
        }
        #expect(witness == nil)
    }

    @Test func anEmptyBufferHasNoElements() {
        #expect(FixedBuffer<Int>().count == 0)
    }

    @Test func indicesBeyondTheCountAreRefused() async {
        await #expect(processExitsWith: .failure) {
            let buffer = FixedBuffer(repeating: 0, count: 2)
            buffer[2] = 1
        }
        await #expect(processExitsWith: .failure) {
            _ = FixedBuffer<Int>()[0]
        }
    }
}
