import CRelaySocket
import Glibc

/// A process of ours in a group of its own, from its start until it is reaped.
///
/// It is forgotten only after `reap`, so that its number and its group's stay its own till then.
struct ChildProcess: ~Copyable {
    /// How a process ended.
    enum End: Equatable {
        case status(Int32)
        case signal(Int32)
    }

    let id: Int32
    /// Readable when the process has ended.
    let end: Descriptor
    /// What it prints; does not block.
    let output: Descriptor
    /// Its standard error; does not block.
    let errors: Descriptor

    /// Starts a program with these arguments, the first of which is its path, this environment of
    /// NAME=VALUE, and the bytes as its standard input.
    ///
    /// Throws what posix_spawn(3) says, also where the program cannot be executed.
    init(
        _ arguments: [String],
        environment: [String],
        input: Span<UInt8>
    ) throws(SystemCallError) {
        // A zero inside would make two words of one.
        let strings = (arguments + environment).flatMap { word in
            word.utf8.filter { $0 != 0 }.map(CChar.init(bitPattern:)) + [0]
        }
        var process = relay_process()
        // Safe because the call reads as many strings as are there, each with its zero, and the
        // input, and keeps neither.
        let result = unsafe strings.withUnsafeBufferPointer { strings in
            unsafe input.withUnsafeBufferPointer { input in
                unsafe relay_process_start(
                    strings.baseAddress,
                    Int32(arguments.count),
                    Int32(environment.count),
                    input.baseAddress,
                    input.count,
                    &process
                )
            }
        }
        try SystemCallError.check("posix_spawn", result)
        id = process.pid
        end = Descriptor(owning: process.end)
        output = Descriptor(owning: process.output)
        errors = Descriptor(owning: process.errors)
    }

    /// Sends a signal to the process and to what it started in its group.
    borrowing func signal(_ number: Int32) { _ = relay_process_signal(id, number) }

    /// How it ended; nil while it runs. Called until it says something, and never again.
    borrowing func reap() -> End? {
        let result = relay_process_reap(id)
        if result == -EAGAIN { return nil }
        precondition(result >= 0, "waitpid: \(SystemCallError.name(of: -result))")
        return result < RELAY_BY_SIGNAL ? .status(result) : .signal(result - RELAY_BY_SIGNAL)
    }
}

/// What can be read from a pipe now, with room for one read.
struct PipeReader: ~Copyable {
    /// What a read came to.
    enum Outcome {
        /// So many bytes.
        case bytes(Int)
        /// Nothing for now.
        case nothing
        /// Nothing ever again.
        case ended
    }

    /// As much as a pipe usually holds (pipe(7)).
    static let capacity = 65_536

    private var buffer = [UInt8](repeating: 0, count: PipeReader.capacity)

    /// Reads once, without waiting.
    mutating func read(from descriptor: borrowing Descriptor) -> Outcome {
        let number = descriptor.number
        // Safe because at most the buffer's size is read into it.
        let count = unsafe buffer.withUnsafeMutableBufferPointer { buffer in
            unsafe relay_read(number, buffer.baseAddress, buffer.count)
        }
        if count == -Int64(EAGAIN) { return .nothing }
        return count > 0 ? .bytes(Int(count)) : .ended
    }

    /// What the last read brought.
    @_lifetime(borrow self)
    func bytes(_ count: Int) -> Span<UInt8> { buffer.span.extracting(..<count) }
}
