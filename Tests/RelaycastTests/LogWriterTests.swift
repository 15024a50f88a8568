import Foundation
import Testing

@testable import relaycast

/// The thread that writes the log, with a sink that takes lines only when it is let.
@Suite struct LogWriterTests {
    @Test func flushWaitsUntilEveryLineIsWrittenInOrder() {
        let sink = Sink(isOpen: true)
        let writer = LogWriter(LineBuffer { "dropped \($0)\n" }, write: sink.write)
        let lines = (0..<1000).map { "\($0)\n" }
        for line in lines { writer.append(line) }
        #expect(writer.flush(millisecondsMax: 20_000))
        #expect(sink.written == lines)
    }

    @Test func aSinkThatBlocksHoldsUpNeitherCallersNorTheEnd() {
        let sink = Sink(isOpen: false)
        let writer = LogWriter(
            LineBuffer(linesMax: 3, bytesMax: 100) { "dropped \($0)\n" },
            write: sink.write
        )
        writer.append("first\n")
        sink.waitUntilEntered()
        for number in 0..<10 { writer.append("\(number)\n") }
        let start = ContinuousClock.now
        #expect(!writer.flush())
        let waited = ContinuousClock.now - start
        #expect(waited >= .milliseconds(LogWriter.flushMillisecondsMax))
        // The rest is for a busy machine.
        #expect(waited < .seconds(10))

        sink.open()
        #expect(writer.flush(millisecondsMax: 20_000))
        #expect(sink.written == ["first\n", "0\n", "1\n", "2\n", "dropped 7\n"])
    }
}

/// Where a test's lines go; blocks while it is closed. Sendable because the condition guards it.
private final class Sink: @unchecked Sendable {
    private let condition = NSCondition()
    private var isOpen: Bool
    private var hasEntered = false
    private var lines: [String] = []

    init(isOpen: Bool) {
        self.isOpen = isOpen
    }

    var written: [String] { condition.withLock { lines } }

    func open() {
        condition.withLock {
            isOpen = true
            condition.broadcast()
        }
    }

    /// Waits until the first line is being written.
    func waitUntilEntered() {
        condition.withLock {
            while !hasEntered { condition.wait() }
        }
    }

    @Sendable func write(_ line: String) {
        condition.withLock {
            hasEntered = true
            condition.broadcast()
            while !isOpen { condition.wait() }
            lines.append(line)
        }
    }
}
