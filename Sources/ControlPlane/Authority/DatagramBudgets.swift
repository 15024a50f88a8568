import HTTPHosting
import RelayModel

/// How many posted datagrams each session may still send, by the operator's policy.
final class DatagramBudgets: Sendable {
    private struct State {
        var rate: Rate?
        var buckets: [SessionName: RateBucket] = [:]
    }

    /// Buckets after which the full ones, which say nothing, are let go.
    private static let bucketsMax = 1024

    private let state: HTTPHosting.Locked<State>

    /// - Parameter perSecondMax: for each session; nil for any number.
    init(perSecondMax: Int?) {
        state = HTTPHosting.Locked(State(rate: perSecondMax.map { Rate(perSecond: $0) }))
    }

    /// From now on each session may send so many.
    func replace(perSecondMax: Int?) {
        state.withLock { state in
            let rate = perSecondMax.map { Rate(perSecond: $0) }
            if rate != state.rate { state = State(rate: rate) }
        }
    }

    /// Takes what `count` datagrams cost, or throws 429. One request may take more than there is;
    /// the next ones wait for it.
    func spend(_ count: Int, of name: SessionName, at now: Int64) throws(Problem) {
        let refusal: (rate: Rate, wait: Int64)? = state.withLock { state in
            guard let rate = state.rate else { return nil }
            if state.buckets[name] == nil && state.buckets.count >= Self.bucketsMax {
                state.buckets = state.buckets.filter { entry in
                    var bucket = entry.value
                    return !bucket.isFull(at: now)
                }
            }
            var bucket = state.buckets[name] ?? RateBucket(rate, at: now)
            let wait = bucket.take(count, at: now)
            state.buckets[name] = bucket
            return wait > 0 ? (rate, wait) : nil
        }
        guard let refusal else { return }
        throw .rateLimited(
            "session \(name) may send \(refusal.rate.perSecond) posted datagrams a second",
            afterNanoseconds: refusal.wait
        )
    }
}
