/// How often something may happen: so many times a second, and so many at once.
package struct Rate: Sendable, Hashable {
    /// 1–1 000 000 a second in the long run.
    package let perSecond: Int
    /// 1–1 000 000 at once after a pause.
    package let burst: Int

    /// What both numbers may be.
    package static let range = 1...1_000_000

    /// A rate; without a burst, one second's worth may come at once.
    package init(perSecond: Int, burst: Int? = nil) {
        self.perSecond = perSecond
        self.burst = burst ?? perSecond
    }
}

/// Lets things through at a rate (token bucket).
struct RateBucket: Sendable {
    let rate: Rate
    /// Billionths of what may pass now; below 0 after more was taken at once than there was.
    private var level: Int64
    private var lastAt: Int64

    private static let whole: Int64 = 1_000_000_000

    /// A full one. Times are nanoseconds of CLOCK_MONOTONIC.
    init(_ rate: Rate, at now: Int64) {
        self.rate = rate
        level = Int64(rate.burst) * Self.whole
        lastAt = now
    }

    /// Takes `count` if one may pass now, and answers 0; else how many nanoseconds to wait.
    ///
    /// More than there is can be taken at once, however large the count; the next wait for it.
    mutating func take(_ count: Int = 1, at now: Int64) -> Int64 {
        refill(at: now)
        guard level >= Self.whole else {
            return (Self.whole - level + Int64(rate.perSecond) - 1) / Int64(rate.perSecond)
        }
        level -= Int64(count) * Self.whole
        return 0
    }

    /// Whether it is as good as new.
    mutating func isFull(at now: Int64) -> Bool {
        refill(at: now)
        return level == capacity
    }

    private var capacity: Int64 { Int64(rate.burst) * Self.whole }

    private mutating func refill(at now: Int64) {
        // No longer than it takes to fill it, so that the product below does not overflow.
        let enough = (capacity - level) / Int64(rate.perSecond) + 1
        let elapsed = min(max(now - lastAt, 0), enough)
        lastAt = max(now, lastAt)
        level = min(level + elapsed * Int64(rate.perSecond), capacity)
    }
}
