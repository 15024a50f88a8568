import HTTPHosting
import HTTPTypes
import RelayEngine
import RelayModel

/// Decides who may make which request, before its body is read.
final class Gatekeeper: Sendable {
    private struct State {
        var options: AuthorityOptions
        var failures = FailedAttempts()
        var buckets: [String: RateBucket] = [:]
    }

    private let state: HTTPHosting.Locked<State>
    private let defaultRate: Rate?

    /// - Parameter requestsPerSecondMax: for each caller whose token says nothing else; 0 is no
    ///   limit.
    init(_ options: AuthorityOptions, requestsPerSecondMax: Int) {
        state = HTTPHosting.Locked(State(options: options))
        defaultRate = requestsPerSecondMax > 0 ? Rate(perSecond: requestsPerSecondMax) : nil
    }

    /// From now on other tokens count; requests that were let in go on.
    func replace(_ options: AuthorityOptions) {
        state.withLock { state in
            state.options = options
            // A caller that is still there keeps what is left of its rate.
            let ids = Set((options.keyring?.tokens.map(\.id) ?? []) + [Keyring.anonymousID])
                .union(options.keyring?.unixPeers.map(\.id) ?? [])
            state.buckets = state.buckets.filter { ids.contains($0.key) }
        }
    }

    /// The decision for a request; the route is nil where none matches, which everyone may hear.
    func decide(_ request: Request, _ route: Route?) -> GateDecision {
        guard let route, let scope = Scope.required(by: route) else { return .admit(nil) }
        return decide(
            request,
            needing: scope,
            at: Moment(monotonic: HostNetwork.monotonicNanoseconds(), wall: HostNetwork.now())
        )
    }

    /// The time by both clocks.
    struct Moment {
        /// Nanoseconds of CLOCK_MONOTONIC.
        let monotonic: Int64
        let wall: Timestamp
    }

    /// The decision at a moment, which is only asked for where it matters.
    func decide(
        _ request: Request,
        needing scope: Scope,
        at now: @autoclosure () -> Moment
    ) -> GateDecision {
        let options = state.withLock { $0.options }
        let caller: Caller
        switch Self.identify(request, options, at: now().wall) {
        case .known(let known): caller = known
        case .unknown: return .refuse(.unauthenticated(isWrong: false), delayMilliseconds: 0)
        case .wrong:
            let now = now().monotonic
            let delay = state.withLock {
                $0.failures.delayMilliseconds(afterFailureOf: request.peer, at: now)
            }
            return .refuse(.unauthenticated(isWrong: true), delayMilliseconds: delay)
        }
        if let problem = overdrawn(caller, at: now().monotonic) {
            return .refuse(problem, delayMilliseconds: 0, principal: caller)
        }
        guard caller.scopes.admit(scope) else {
            return .refuse(.forbiddenScope(scope), delayMilliseconds: 0, principal: caller)
        }
        return .admit(caller)
    }

    /// Whether whoever made a request that was let in and goes on is still known, and may do what
    /// they might then.
    func stillAdmits(_ request: Request) -> Bool {
        guard let caller = request.principal as? Caller else { return true }
        let options = state.withLock { $0.options }
        guard case .known(let known) = Self.identify(request, options, at: HostNetwork.now()) else {
            return false
        }
        return known == caller
    }

    /// Whether everybody who may reach sessions with the first labels may reach those with the
    /// second, too, and so may know of them.
    func admitsTogether(_ labels: [String: String], _ others: [String: String]) -> Bool {
        guard let keyring = state.withLock({ $0.options }).keyring else { return true }
        let selectors =
            keyring.tokens.lazy.map(\.selector) + keyring.unixPeers.lazy.map(\.selector)
        return selectors.allSatisfy { selector in
            selector.map { !$0.admits(labels) || $0.admits(others) } ?? true
        }
    }

    // MARK: - Steps

    private enum Identity {
        case known(Caller)
        /// Nothing says who asks.
        case unknown
        /// What says who asks is not true, or not any more.
        case wrong
    }

    private static func identify(
        _ request: Request,
        _ options: AuthorityOptions,
        at now: @autoclosure () -> Timestamp
    ) -> Identity {
        guard let keyring = options.keyring else {
            let isLocal = request.peer.credentials != nil || request.peer.isLoopback
            return isLocal ? .known(.anonymous) : .unknown
        }
        switch BearerField(request.fields[.authorization]) {
        case .malformed: return .wrong
        case .token(let secret):
            guard let token = keyring.token(bearing: secret), !token.hasExpired(at: now()) else {
                return .wrong
            }
            return .known(token.caller)
        case .absent: break
        }
        if let credentials = request.peer.credentials {
            if let rule = keyring.unixPeer(credentials) { return .known(rule.caller) }
            return options.trustsUnixSocket ? .known(.anonymous) : .unknown
        }
        return options.trustsLoopback && request.peer.isLoopback ? .known(.anonymous) : .unknown
    }

    /// The problem of a caller that asks too often.
    private func overdrawn(_ caller: Caller, at now: @autoclosure () -> Int64) -> Problem? {
        guard let rate = caller.rate ?? defaultRate else { return nil }
        let now = now()
        let wait = state.withLock { state in
            var bucket = state.buckets[caller.id] ?? RateBucket(rate, at: now)
            if bucket.rate != rate { bucket = RateBucket(rate, at: now) }
            let wait = bucket.take(at: now)
            state.buckets[caller.id] = bucket
            return wait
        }
        guard wait > 0 else { return nil }
        return .rateLimited(
            "\(caller.id) may make \(rate.perSecond) requests a second",
            afterNanoseconds: wait
        )
    }
}

extension Token {
    fileprivate func hasExpired(at now: Timestamp) -> Bool { expiresAt.map { $0 <= now } ?? false }
}
