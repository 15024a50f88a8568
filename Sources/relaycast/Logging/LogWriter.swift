import Foundation

/// Writes lines in their order from a thread of its own, so that no caller waits for the reader of
/// the log: a pipe that nobody reads blocks write(2) for ever.
///
/// Sendable because the condition guards everything that changes.
final class LogWriter: @unchecked Sendable {
    /// How long the end of the process waits for a log that is slow to take its last lines.
    static let flushMillisecondsMax = 200

    private let condition = NSCondition()
    private var buffer: LineBuffer
    private var isWriting = false

    /// Starts the thread, which inherits the caller's signal mask and never ends; `write` may block.
    init(_ buffer: LineBuffer, write: @escaping @Sendable (String) -> Void) {
        self.buffer = buffer
        Thread.detachNewThread {
            Thread.current.name = "log"
            while true {
                write(self.nextLine())
            }
        }
    }

    /// Hands the line over and returns at once; without room it is dropped and counted.
    func append(_ line: String) {
        condition.withLock {
            buffer.append(line)
            condition.signal()
        }
    }

    /// Waits until everything that was appended is written; answers false when that takes longer.
    @discardableResult
    func flush(millisecondsMax: Int = LogWriter.flushMillisecondsMax) -> Bool {
        // Looks again and again because NSCondition waits by the wall clock, which may be set back.
        let deadline = ContinuousClock.now + .milliseconds(millisecondsMax)
        while !isIdle {
            guard ContinuousClock.now < deadline else { return false }
            usleep(1000)
        }
        return true
    }

    private var isIdle: Bool {
        condition.withLock { buffer.isEmpty && !isWriting }
    }

    /// Waits for a line; that it was asked for means that the one before is written.
    private func nextLine() -> String {
        condition.withLock {
            isWriting = false
            while true {
                if let line = buffer.popFirst() {
                    isWriting = true
                    return line
                }
                condition.wait()
            }
        }
    }
}
