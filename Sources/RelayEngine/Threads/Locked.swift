import Glibc

/// A value behind a POSIX mutex, with a condition to wait for.
///
/// `Synchronization.Mutex` is not used because the thread sanitizer reports false races behind it
/// on Linux; this costs about 7 ns uncontended. The condition is made when somebody first waits:
/// four of these belong to each session, and none of those is waited for.
@safe package final class Locked<Value: ~Copyable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    /// nil until somebody waits; only looked at with the mutex held.
    private var condition: UnsafeMutablePointer<pthread_cond_t>?
    private var value: Value

    package init(_ value: consuming sending Value) {
        // Safe because it is initialized here, never moves, and is destroyed in deinit only.
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        self.value = value
    }

    deinit {
        // Safe because nobody else holds a reference any more.
        if let condition = unsafe condition {
            unsafe pthread_cond_destroy(condition)
            unsafe condition.deallocate()
        }
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Runs the body with exclusive access to the value; not recursive.
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // Safe because the mutex lives as long as self.
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Wakes all who wait, after a change of the value.
    func signal() {
        // Safe because mutex and condition live as long as self.
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        if let condition = unsafe condition { unsafe pthread_cond_broadcast(condition) }
    }

    /// Waits until the condition holds, or until a moment of CLOCK_MONOTONIC in nanoseconds; nil =
    /// for ever.
    func wait(untilNanoseconds deadline: Int64? = nil, _ isMet: (borrowing Value) -> Bool) {
        // Safe because mutex and condition live as long as self; waiting releases the mutex.
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        if isMet(value) { return }
        let condition = unsafe allocatedCondition()
        while !isMet(value) {
            guard let deadline else {
                unsafe pthread_cond_wait(condition, mutex)
                continue
            }
            var moment = timespec(
                tv_sec: Int(deadline / 1_000_000_000),
                tv_nsec: Int(deadline % 1_000_000_000)
            )
            if unsafe pthread_cond_timedwait(condition, mutex, &moment) == ETIMEDOUT { return }
        }
    }

    /// With the mutex held.
    private func allocatedCondition() -> UnsafeMutablePointer<pthread_cond_t> {
        if let condition = unsafe condition { return unsafe condition }
        // Safe because it is initialized here, never moves, and is destroyed in deinit only.
        let made = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(made, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
        unsafe condition = unsafe made
        return unsafe made
    }
}
