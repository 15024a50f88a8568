import CRelaySocket
import Glibc

/// A named POSIX thread that runs one function and can be joined once.
///
/// Signals are blocked in it, so that they reach the main thread only.
package final class WorkerThread: Sendable {
    private let handle: pthread_t

    private final class Entry {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts the thread. The name has at most 15 bytes (pthread_setname_np(3)).
    package init(name: String, body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        let entry = unsafe Unmanaged.passRetained(Entry(name: name, body: body))
        var handle = pthread_t()
        var all = sigset_t()
        var previous = sigset_t()
        // Safe because the sets are locals, and the entry is released by the thread that takes it,
        // or here when no thread was started.
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_BLOCK, &all, &previous)
        let result = unsafe pthread_create(&handle, nil, runEntry, entry.toOpaque())
        unsafe pthread_sigmask(SIG_SETMASK, &previous, nil)
        guard result == 0 else {
            unsafe entry.release()
            throw SystemCallError("pthread_create", result)
        }
        self.handle = handle
    }

    /// Waits until the function has returned; the owner calls this once.
    package func join() {
        pthread_join(handle, nil)
    }

    fileprivate static func run(_ opaque: UnsafeMutableRawPointer) {
        // Safe because the pointer is the entry that `init` retained for this thread alone.
        let entry = unsafe Unmanaged<Entry>.fromOpaque(opaque).takeRetainedValue()
        unsafe relay_name_thread(entry.name)
        entry.body()
    }
}

/// A file-scope function, because a closure given to C may be isolated to an actor.
private func runEntry(_ opaque: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    // Safe because `init` passes the entry it retained.
    if let entry = unsafe opaque { unsafe WorkerThread.run(entry) }
    return nil
}
