import Glibc

/// The process's signals, taken by the main thread with sigwait(3) and by no handler.
///
/// Safe because every signal set is a local that only the call it is lent to writes or reads.
enum Signals {
    /// Blocks the signals this program deals with; call it before the first thread starts. SIGPIPE
    /// stays blocked: a write to a closed connection answers EPIPE instead. Children must be waited
    /// for, also when whoever started the daemon ignored theirs.
    static func block() {
        var signals = set(of: [SIGTERM, SIGINT, SIGHUP, SIGPIPE])
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGCHLD, SIG_DFL)
    }

    /// Waits for SIGTERM or SIGINT and answers its name; calls `onHangUp` for every SIGHUP before.
    static func waitForTermination(onHangUp: () -> Void) -> String {
        var signals = set(of: [SIGTERM, SIGINT, SIGHUP])
        while true {
            var signal: Int32 = 0
            let status = unsafe sigwait(&signals, &signal)
            precondition(status == 0, "sigwait refused valid signals")
            switch signal {
            case SIGTERM: return "SIGTERM"
            case SIGINT: return "SIGINT"
            default: onHangUp()
            }
        }
    }

    /// Lets the next SIGTERM or SIGINT end the process at once, as a shell sees it with status 143
    /// or 130: that is what they do when nobody waits for them.
    static func unblockTermination() {
        var signals = set(of: [SIGTERM, SIGINT])
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    private static func set(of members: [Int32]) -> sigset_t {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for member in members {
            unsafe sigaddset(&signals, member)
        }
        return signals
    }
}
