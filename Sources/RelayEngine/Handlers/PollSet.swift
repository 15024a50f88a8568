import Glibc

/// Descriptors to wait for with poll(2), listed anew for every wait: unlike epoll, it cannot fail
/// for want of memory once a process has been started that must be looked after.
struct PollSet: ~Copyable {
    private var entries: [pollfd] = []

    mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

    /// Adds a descriptor under the next index; nil takes an index and is never ready.
    mutating func append(_ number: Int32?) {
        entries.append(pollfd(fd: number ?? -1, events: Int16(POLLIN), revents: 0))
    }

    /// Waits until one can be read or has ended; nil waits for ever.
    mutating func wait(timeoutMilliseconds: Int32?) {
        // Safe because the array has as many elements as the call is told.
        let result = unsafe entries.withUnsafeMutableBufferPointer { entries in
            unsafe poll(entries.baseAddress, nfds_t(entries.count), timeoutMilliseconds ?? -1)
        }
        if result >= 0 { return }
        precondition(errno == EINTR || errno == ENOMEM, "poll: \(errno)")
        // Nothing is known; whoever looks reads nothing, and waits again.
        for index in entries.indices { entries[index].revents = 0 }
    }

    /// Whether there is something to read, or its end to see.
    func isReady(_ index: Int) -> Bool { entries[index].revents != 0 }
}
