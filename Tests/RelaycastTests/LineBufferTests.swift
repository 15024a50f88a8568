import Testing

@testable import relaycast

/// Lines that wait: their order, the limits at their borders, and what is said of those dropped.
@Suite struct LineBufferTests {
    @Test func linesComeOutInTheOrderTheyWentIn() {
        var buffer = LineBuffer(linesMax: 4, bytesMax: 100, notice: notice)
        var taken: [String] = []
        // More than the limit in all, so that what waits is moved to the front in between.
        for number in 0..<20 {
            buffer.append("\(number)\n")
            if number >= 2 { taken.append(buffer.popFirst() ?? "none") }
        }
        taken += rest(of: &buffer)
        #expect(taken == (0..<20).map { "\($0)\n" })
        #expect(buffer.isEmpty)
    }

    @Test func theLineAfterTheLastThatFitsIsDropped() {
        var buffer = LineBuffer(linesMax: 3, bytesMax: 100, notice: notice)
        for line in ["a\n", "b\n", "c\n"] { buffer.append(line) }
        var full = buffer
        #expect(rest(of: &buffer) == ["a\n", "b\n", "c\n"])
        full.append("d\n")
        #expect(rest(of: &full) == ["a\n", "b\n", "c\n", "dropped 1\n"])
    }

    @Test func theByteAfterTheLastThatFitsIsDropped() {
        // Bytes, not characters: é takes two.
        var buffer = LineBuffer(linesMax: 100, bytesMax: 6, notice: notice)
        buffer.append("é\n")
        buffer.append("bc\n")
        #expect(rest(of: &buffer) == ["é\n", "bc\n"])
        buffer.append("é\n")
        buffer.append("bcd\n")
        #expect(rest(of: &buffer) == ["é\n", "dropped 1\n"])
    }

    @Test func theCountStandsWhereTheDroppedLinesWouldHaveBeen() {
        var buffer = LineBuffer(linesMax: 2, bytesMax: 100, notice: notice)
        for line in ["a\n", "b\n", "lost\n", "lost\n", "lost\n"] { buffer.append(line) }
        #expect(buffer.popFirst() == "a\n")
        buffer.append("c\n")
        buffer.append("lost\n")
        #expect(rest(of: &buffer) == ["b\n", "dropped 3\nc\n", "dropped 1\n"])
        buffer.append("d\n")
        #expect(rest(of: &buffer) == ["d\n"])
    }

    @Test func whatWasTakenMakesRoomAgain() {
        var buffer = LineBuffer(linesMax: 100, bytesMax: 4, notice: notice)
        for _ in 0..<1000 {
            buffer.append("abc\n")
            #expect(buffer.popFirst() == "abc\n")
        }
        #expect(buffer.popFirst() == nil)
    }

    @Test func theLimitsOfTheDaemonAreThose() {
        var buffer = LineBuffer(notice: notice)
        for _ in 0...LineBuffer.linesMax { buffer.append("\n") }
        #expect(rest(of: &buffer).count == LineBuffer.linesMax + 1)
        let line = String(repeating: "x", count: LineBuffer.bytesMax)
        buffer.append(line + "x")
        #expect(rest(of: &buffer) == ["dropped 1\n"])
        buffer.append(line)
        #expect(rest(of: &buffer) == [line])
    }

    private let notice: @Sendable (Int) -> String = { "dropped \($0)\n" }

    private func rest(of buffer: inout LineBuffer) -> [String] {
        var lines: [String] = []
        while let line = buffer.popFirst() { lines.append(line) }
        return lines
    }
}
