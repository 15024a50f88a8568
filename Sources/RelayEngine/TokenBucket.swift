/// Lets through at most a number of events a second, with bursts of up to one second's worth.
struct TokenBucket {
    private let perSecond: Int
    private var nanotokens: Int64
    private var lastAt: Int64

    private static let second: Int64 = 1_000_000_000

    /// Starts full; 1–1 000 000 a second. Times are monotonic nanoseconds.
    init(perSecond: Int, at now: Int64) {
        self.perSecond = perSecond
        nanotokens = Int64(perSecond) * Self.second
        lastAt = now
    }

    /// Takes a token; false when there is none.
    mutating func take(at now: Int64) -> Bool {
        let elapsed = min(max(now - lastAt, 0), Self.second)
        lastAt = now
        nanotokens = min(nanotokens + elapsed * Int64(perSecond), Int64(perSecond) * Self.second)
        guard nanotokens >= Self.second else { return false }
        nanotokens -= Self.second
        return true
    }
}
