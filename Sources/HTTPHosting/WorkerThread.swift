import Glibc

/// A plain POSIX thread.
final class WorkerThread: Sendable {
    private let thread: pthread_t

    /// Starts a thread that runs `body`; nil when the system has no more.
    init?(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(ThreadBody(body))
        // Safe because the box was retained for the thread, which releases it, or here it is.
        guard unsafe pthread_create(&thread, nil, runThreadBody, box.toOpaque()) == 0 else {
            unsafe box.release()
            return nil
        }
        self.thread = thread
    }

    /// Waits for the thread's end; must be called exactly once.
    func join() {
        pthread_join(thread, nil)
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

private func runThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    // Safe because `WorkerThread.init` retained this box for this thread alone.
    unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
