import RelayModel

/// When a socket that became readable is drained: at once, or after a window in which more comes.
struct Drain {
    private enum Mode {
        case fixed(nanoseconds: Int64)
        case adaptive(Box<AdaptiveWindow>)
    }

    private var mode: Mode
    /// Whether a drain is planned; the poller then reports nothing of the socket.
    var isPlanned = false

    init(_ coalescing: Coalescing) { mode = Self.mode(of: coalescing) }

    mutating func change(to coalescing: Coalescing) { mode = Self.mode(of: coalescing) }

    /// Whether it ever waits.
    var hasWindow: Bool {
        if case .fixed(0) = mode { false } else { true }
    }

    /// Whether it waits at the moment, unless a silence has ended.
    var waits: Bool {
        switch mode {
        case .fixed(let nanoseconds): nanoseconds > 0
        case .adaptive(let window): window.value.nanoseconds > 0
        }
    }

    /// How long to wait when the socket has become readable by now; 0 = not at all.
    func windowNanoseconds(at now: Int64) -> Int64 {
        switch mode {
        case .fixed(let nanoseconds): nanoseconds
        case .adaptive(let window): window.value.nanoseconds(at: now)
        }
    }

    /// Learns what a drain brought; the time is monotonic nanoseconds.
    func note(_ datagrams: Int, at now: Int64) {
        guard case .adaptive(let window) = mode else { return }
        window.value.note(datagrams, at: now)
    }

    private static func mode(of coalescing: Coalescing) -> Mode {
        switch coalescing {
        case .microseconds(let microseconds): .fixed(nanoseconds: Int64(microseconds) * 1000)
        case .adaptive: .adaptive(Box(AdaptiveWindow()))
        }
    }
}
