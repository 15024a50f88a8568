import RelayModel
import Testing

@testable import RelayEngine

@Suite struct OutputLinesTests {
    @Test func aLineKeepsItsLineFeedAndMayComeInParts() {
        var output = OutputLines()
        #expect(output.take("a\nb").isEmpty == false)
        #expect(output.take("c").isEmpty)
        #expect(output.take("d\n\n").map(text) == ["bcd\n", "\n"])
        #expect(output.takeRest() == nil && !output.isTooLong)
    }

    @Test func theEndOfTheOutputIsALineWithoutALineFeed() {
        var output = OutputLines()
        #expect(output.take("a\nlast").map(text) == ["a\n"])
        #expect(output.takeRest().map(text) == "last")
        #expect(output.takeRest() == nil)
        var empty = OutputLines()
        #expect(empty.takeRest() == nil)
    }

    @Test func aLineFitsInADatagram() {
        let border = [UInt8](repeating: 7, count: 65_506) + [10]
        var output = OutputLines()
        #expect(output.take(border.span) == [border] && !output.isTooLong)
        // Without its line feed it is as long.
        var rest = OutputLines()
        #expect(rest.take([UInt8](repeating: 7, count: 65_507).span).isEmpty && !rest.isTooLong)
        #expect(rest.takeRest()?.count == 65_507)
        var beyond = OutputLines()
        #expect(beyond.take(([UInt8](repeating: 7, count: 65_507) + [10]).span).isEmpty)
        #expect(beyond.isTooLong && beyond.takeRest() == nil)
    }

    @Test func aRunMayPrintSixtyFourLines() {
        var output = OutputLines()
        #expect(output.take(String(repeating: "x\n", count: 64)).count == 64)
        #expect(!output.isTooLong)
        #expect(output.take("x").isEmpty && output.isTooLong && output.takeRest() == nil)
    }

    @Test func aRunMayPrintSoManyBytes() {
        var output = OutputLines()
        let line = [UInt8](repeating: 7, count: 65_506) + [10]
        for _ in 0..<4 { #expect(output.take(line.span) == [line]) }
        let left = OutputLines.bytesMax - 4 * line.count
        #expect(left == 116)
        #expect(output.take([UInt8](repeating: 7, count: left).span).isEmpty)
        #expect(!output.isTooLong)
        #expect(output.take("x").isEmpty && output.isTooLong)
    }

    @Test func theLogGetsTheFirstLinesOfStandardError() {
        var errors = ErrorLines()
        errors.take("one\ntwo\n\nfour\nfive\n")
        #expect(errors.lines == ["one", "two", "four"])
        var long = ErrorLines()
        for _ in 0..<100 { long.take([UInt8](repeating: 0x78, count: 100).span) }
        #expect(long.lines == [String(repeating: "x", count: 256)])
        var binary = ErrorLines()
        binary.take([0xFF, 0x0A].span)
        #expect(binary.lines == ["\u{FFFD}"])
    }

    private func text(_ line: [UInt8]) -> String { String(decoding: line, as: UTF8.self) }
}

extension OutputLines {
    fileprivate mutating func take(_ text: String) -> [[UInt8]] { take(Array(text.utf8).span) }
}

extension ErrorLines {
    fileprivate mutating func take(_ text: String) { take(Array(text.utf8).span) }
}
