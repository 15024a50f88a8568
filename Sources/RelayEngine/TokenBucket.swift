/// Lets through at most so many tokens a second, and after a silence at once what the rate gives in
/// a given time.
///
/// Counts in billionths of a token, so that nothing is lost between two moments; 128 bits hold
/// them for every rate and time.
struct TokenBucket {
    private let perSecond: Int128
    private let nanotokensMax: Int128
    private var nanotokens: Int128
    private var lastAt: Int64

    private static let second: Int128 = 1_000_000_000

    /// Starts full. Times are monotonic nanoseconds.
    ///
    /// - Parameters:
    ///   - perSecond: 1–100 000 000 000.
    ///   - burstMilliseconds: How long a silence may be made up for, 1–10 000.
    ///   - capacityMin: Tokens the bucket holds at least, so that one event fits; 0 for one that
    ///     may be in debt.
    init(
        perSecond: Int,
        burstMilliseconds: Int = 1000,
        capacityMin: Int = 1,
        at now: Int64
    ) {
        self.perSecond = Int128(perSecond)
        nanotokensMax = max(
            self.perSecond * Int128(burstMilliseconds) * 1_000_000,
            Int128(capacityMin) * Self.second
        )
        nanotokens = nanotokensMax
        lastAt = now
    }

    /// Takes tokens; false when there are not so many, and then none is taken.
    mutating func take(_ tokens: Int = 1, at now: Int64) -> Bool {
        refill(at: now)
        guard has(tokens) else { return false }
        remove(tokens)
        return true
    }

    /// Adds what came since the last call; a clock that goes back gives nothing twice.
    mutating func refill(at now: Int64) {
        guard now > lastAt else { return }
        let elapsed = Int128(now) &- Int128(lastAt)
        lastAt = now
        nanotokens = min(nanotokens &+ elapsed &* perSecond, nanotokensMax)
    }

    /// Whether there are so many, as of the last `refill`.
    func has(_ tokens: Int) -> Bool { nanotokens >= Int128(tokens) &* Self.second }

    /// Whether there is anything, as of the last `refill`: the bucket is not in debt.
    var hasAny: Bool { nanotokens > 0 }

    /// Takes tokens; those that the bucket does not have are a debt.
    mutating func remove(_ tokens: Int) { nanotokens &-= Int128(tokens) &* Self.second }

    /// How long after the last `refill` there is anything; 0 = there is.
    var nanosecondsUntilAny: Int64 { hasAny ? 0 : Int64(-nanotokens / perSecond + 1) }

    /// How long after the last `refill` there are so many; nil = never, the bucket is too small.
    func nanosecondsUntil(_ tokens: Int) -> Int64? {
        let wanted = Int128(tokens) * Self.second
        if wanted > nanotokensMax { return nil }
        let missing = max(wanted - nanotokens, 0)
        return Int64((missing + perSecond - 1) / perSecond)
    }
}
