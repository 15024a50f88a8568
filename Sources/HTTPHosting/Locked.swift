import Glibc

/// A value behind a POSIX mutex, with a condition to wait for changes.
///
/// Not `Synchronization.Mutex`: ThreadSanitizer does not see its futex on Linux and reports races
/// that are none, and uncontended it costs four times as much.
@safe package final class Locked<Value>: Sendable {
    // Safe because every access to the value, and to the mutex and condition as memory, goes
    // through `withLock` and `wait`, which hold the mutex; `deinit` has no rival.
    private nonisolated(unsafe) let value: UnsafeMutablePointer<Value>
    private nonisolated(unsafe) let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private nonisolated(unsafe) let condition: UnsafeMutablePointer<pthread_cond_t>

    /// Puts `initial` behind a new lock.
    package init(_ initial: sending Value) {
        unsafe value = .allocate(capacity: 1)
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe value.initialize(to: initial)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        let made =
            unsafe pthread_mutex_init(mutex, nil) == 0
            && pthread_condattr_init(&attributes) == 0
            && pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0
            && pthread_cond_init(condition, &attributes) == 0
        precondition(made, "A mutex or a condition could not be made.")
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        // Safe because nobody holds a reference any more, so nobody holds or waits for the lock.
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe value.deinitialize(count: 1)
        unsafe value.deallocate()
        unsafe mutex.deallocate()
        unsafe condition.deallocate()
    }

    /// Runs `body` with the lock held. It must not take the same lock again.
    package func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // Safe because the mutex was initialized, and is held while `value` is reached.
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try unsafe body(&value.pointee)
    }

    /// Wakes every thread in `wait(untilNanoseconds:for:)`, so that it looks again.
    package func signal() {
        // Safe because the condition was initialized; POSIX lets anyone broadcast at any time.
        unsafe pthread_cond_broadcast(condition)
    }

    /// Sleeps until `ready` says true, which it is asked with the lock held: at once, and after
    /// each `signal()`.
    ///
    /// - Parameter deadline: on `CLOCK_MONOTONIC`; `.max` waits for ever.
    /// - Returns: false if the deadline passed first.
    @discardableResult
    package func wait(
        untilNanoseconds deadline: UInt64,
        for ready: (inout Value) -> Bool
    ) -> Bool {
        let seconds = min(deadline / 1_000_000_000, UInt64(Int32.max))
        var end = timespec(
            tv_sec: Int(seconds),
            tv_nsec: Int(deadline % 1_000_000_000)
        )
        // Safe because mutex and condition were initialized, and the mutex is held by this thread
        // whenever `value` is reached.
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while unsafe !ready(&value.pointee) {
            if unsafe pthread_cond_timedwait(condition, mutex, &end) == ETIMEDOUT {
                return unsafe ready(&value.pointee)
            }
        }
        return true
    }
}
