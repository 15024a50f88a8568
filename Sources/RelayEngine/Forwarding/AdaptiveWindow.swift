import RelayModel

/// How long to wait after a socket became readable before it is drained, so that waking up pays:
/// as long as about 25 datagrams take to come, if that is not longer than the limit.
///
/// No wait where fewer than two would gather, after a silence, and where batches fill by themselves
/// because the loop is busy. The rate is measured over some milliseconds.
struct AdaptiveWindow {
    /// The window while the stream goes on as it is; 0 = no wait.
    private(set) var nanoseconds: Int64 = 0

    /// What a window should gather. More saves little: 16 datagrams a system call cost 7 % more
    /// than 32.
    static let datagramsWanted = 25
    /// The rates at which waiting begins and ends; between them it goes on as it was.
    static let perSecondToBegin = 4000
    static let perSecondToEnd = 2500
    /// Shorter windows than this are not worth the timer.
    static let nanosecondsMin: Int64 = 20_000
    /// After this long without a datagram the next one does not wait.
    static let silenceNanoseconds: Int64 = 2_000_000
    /// After a drain of so many the next one does not wait: the loop may be falling behind.
    static let datagramsOfBusyLoop = 128
    /// Datagrams a drain without waiting at which waiting does not begin, and below which it may
    /// begin again.
    static let saturatedDatagrams = 32
    static let unsaturatedDatagrams = 16

    private enum Mode {
        case idle
        case waiting
        case saturated
    }

    /// An interval of measurement has one of these lengths: the second, if fewer than
    /// `intervalDatagrams` came in the first.
    private static let intervalNanoseconds: Int64 = 2_000_000
    private static let longIntervalNanoseconds: Int64 = 10_000_000
    private static let intervalDatagrams = 32
    /// Datagrams a drain with waiting after which it is tried without.
    private static let datagramsToTry = 96
    private static let patienceMin = 16
    private static let patienceMax = 1024

    private var mode = Mode.idle
    /// Datagrams and drains of the interval, without the drain that it began with.
    private var datagrams = 0
    private var drains = 0
    private var beganAt: Int64?
    private var lastAt: Int64 = 0
    private var lastCount = 0
    /// Intervals before it is tried without waiting, and how many the next time: twice as many
    /// after each try in vain, so that bursts do not make it swing.
    private var patience = 0
    private var patienceNext = AdaptiveWindow.patienceMin

    /// Tells of a drain; `now`, its end, is in monotonic nanoseconds.
    mutating func note(_ count: Int, at now: Int64) {
        lastAt = now
        lastCount = count
        guard let beganAt, now >= beganAt else { return begin(at: now) }
        datagrams += count
        drains += 1
        let elapsed = now - beganAt
        if elapsed < Self.intervalNanoseconds { return }
        if elapsed < Self.longIntervalNanoseconds && datagrams < Self.intervalDatagrams { return }
        decide(
            perSecond: Int(Double(datagrams) * 1e9 / Double(elapsed)),
            perDrain: datagrams / drains
        )
        begin(at: now)
    }

    /// How long to wait when the socket has become readable at this moment.
    func nanoseconds(at now: Int64) -> Int64 {
        let isSilent = now - lastAt > Self.silenceNanoseconds
        return isSilent || lastCount >= Self.datagramsOfBusyLoop ? 0 : nanoseconds
    }

    private mutating func begin(at now: Int64) {
        beganAt = now
        datagrams = 0
        drains = 0
    }

    private mutating func decide(perSecond: Int, perDrain: Int) {
        switch mode {
        case .idle:
            if perSecond < Self.perSecondToBegin { return }
            mode = perDrain >= Self.saturatedDatagrams ? .saturated : .waiting
        case .waiting:
            patience = max(patience - 1, 0)
            if perDrain >= Self.datagramsToTry && patience == 0 { mode = .saturated }
        case .saturated:
            if perDrain < Self.unsaturatedDatagrams {
                mode = .waiting
                patience = patienceNext
                patienceNext = min(patienceNext * 2, Self.patienceMax)
            }
        }
        if perSecond < Self.perSecondToEnd {
            mode = .idle
            patience = 0
            patienceNext = Self.patienceMin
        }
        nanoseconds = mode == .waiting ? Self.window(perSecond) : 0
    }

    private static func window(_ perSecond: Int) -> Int64 {
        let wanted = Int64(datagramsWanted) * 1_000_000_000 / Int64(max(perSecond, 1))
        if wanted < nanosecondsMin { return 0 }
        return min(wanted, Int64(Coalescing.adaptiveMicrosecondsMax) * 1000)
    }
}
