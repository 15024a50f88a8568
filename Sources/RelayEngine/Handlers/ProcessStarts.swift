/// Lets threads wait until no process that is being started has their closed descriptors.
///
/// Between its making and execve(2) a process has every descriptor of this one, so that a socket
/// which is closed meanwhile keeps its port and its group for up to a millisecond.
final class ProcessStarts: Sendable {
    private struct Counts {
        var begun: UInt64 = 0
        var ended: UInt64 = 0
    }

    private let counts = Locked(Counts())

    /// Starts a process; one thread does.
    func start<Process>(
        _ body: () throws(SystemCallError) -> Process
    ) throws(SystemCallError) -> Process {
        counts.withLock { $0.begun += 1 }
        defer {
            counts.withLock { $0.ended += 1 }
            counts.signal()
        }
        return try body()
    }

    /// Returns when the start that is under way, if any, is over; later ones do not matter.
    func wait() {
        let begun = counts.withLock { $0.begun }
        counts.wait { $0.ended >= begun }
    }
}
