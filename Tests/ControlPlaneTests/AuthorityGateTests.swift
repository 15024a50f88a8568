import HTTPHosting
import HTTPTypes
import RelayEngine
import RelayModel
import Testing

@testable import ControlPlane

/// Who is let in to do what.
@Suite struct AuthorityGateTests {
    private static let loopback = Peer(address: "127.0.0.1", port: 5)
    private static let stranger = Peer(address: "192.0.2.7", port: 5)
    private static let user = Peer(
        credentials: Peer.Credentials(processID: 1, userID: 1000, groupID: 100)
    )
    private static let tokens = """
        {"tokens": [
          {"id": "reader", "sha256": "\(AuthorityKeyringTests.alpha)", "scopes": ["sessions:read"],
           "expiresAt": "2027-01-01T00:00:00Z"},
          {"id": "root", "sha256": "\(AuthorityKeyringTests.beta)", "scopes": ["admin"],
           "requestsPerSecond": 2, "burst": 3}],
         "unixPeers": [
          {"id": "group", "gid": 7, "scopes": ["metrics:read"]},
          {"id": "user", "uid": 1000, "gid": 100, "scopes": ["sessions:write"]},
          {"id": "again", "uid": 1000, "scopes": ["admin"]}]}
        """

    private func gate(_ change: (inout AuthorityOptions) -> Void = { _ in }) throws -> Gatekeeper {
        var options = AuthorityOptions()
        options.keyring = try AuthorityKeyringTests.keyring(Self.tokens)
        change(&options)
        return Gatekeeper(options, requestsPerSecondMax: 0)
    }

    /// What is said: the caller's id, or code and delay; `WWW-Authenticate` as well if there is one.
    private func decision(
        _ gate: Gatekeeper,
        _ authorization: String?,
        from peer: Peer = loopback,
        needing scope: Scope = .readSessions,
        at seconds: Double = 0
    ) throws -> [String] {
        var fields: HTTPFields = [:]
        fields[.authorization] = authorization
        let request = try Request(method: .get, target: "/", fields: fields, peer: peer)
        let nanoseconds = Int64(seconds * 1e9)
        let now = Gatekeeper.Moment(
            monotonic: nanoseconds,
            wall: Timestamp(nanoseconds: nanoseconds)
        )
        switch gate.decide(request, needing: scope, at: now) {
        case .admit(let principal): return [principal?.id ?? "nobody"]
        case .refuse(let problem, let delayMilliseconds, _):
            var said = ["\(problem.status.code) \(problem.code)"]
            if let field = problem.fields[.wwwAuthenticate] { said.append(field) }
            if let field = problem.fields[.retryAfter] { said.append("retry \(field)") }
            if delayMilliseconds > 0 { said.append("\(delayMilliseconds) ms") }
            return said
        }
    }

    private static let missing = ["401 unauthenticated", #"Bearer realm="relaycast""#]
    private static let wrong = [
        "401 unauthenticated", #"Bearer realm="relaycast", error="invalid_token""#, "250 ms",
    ]

    @Test func withoutAKeyringLoopbackAndUnixSocketMayDoEverythingAndOthersNothing() throws {
        let gate = try gate { $0.keyring = nil }
        for peer in [Self.loopback, Peer(address: "::1", port: 1), Self.user] {
            #expect(try decision(gate, nil, from: peer, needing: .administer) == ["anonymous"])
            #expect(try decision(gate, "Bearer x", from: peer) == ["anonymous"])
        }
        #expect(try decision(gate, nil, from: Self.stranger) == Self.missing)
    }

    @Test(arguments: ["Bearer alpha", "bearer alpha", "BEARER   alpha"])
    func aTokenIsItsCaller(field: String) throws {
        #expect(try decision(try gate(), field, from: Self.stranger) == ["reader"])
    }

    @Test(arguments: [nil, "", "Basic YWxwaGE=", "alpha"])
    func withoutATokenNobodyIsKnown(field: String?) throws {
        #expect(try decision(try gate(), field) == Self.missing)
    }

    @Test(arguments: [
        "Bearer alph", "Bearer alphaa", "Bearer", "Bearer ", "Bearer a b", "Bearer =",
        "Bearer alpha, Bearer alpha", "Bearer alph\u{E4}",
    ])
    func aWrongTokenIsHeldBack(field: String) throws {
        #expect(try decision(try gate(), field) == Self.wrong)
    }

    @Test func aTokenOfUpTo512BytesIsLookedAt() {
        #expect(BearerField("Bearer " + String(repeating: "a", count: 512)) != .malformed)
        #expect(BearerField("Bearer " + String(repeating: "a", count: 513)) == .malformed)
    }

    @Test func anExpiredTokenIsLikeAnUnknownOne() throws {
        let end = 1_798_761_600.0
        #expect(try decision(try gate(), "Bearer alpha", at: end - 1) == ["reader"])
        #expect(try decision(try gate(), "Bearer alpha", at: end) == Self.wrong)
    }

    @Test func aMissingScopeIsNamed() throws {
        #expect(
            try decision(try gate(), "Bearer alpha", needing: .readPackets) == [
                "403 forbidden-scope",
                #"Bearer realm="relaycast", error="insufficient_scope", scope="packets:read""#,
            ]
        )
        #expect(try decision(try gate(), "Bearer beta", needing: .readPackets) == ["root"])
    }

    @Test func aProcessIsKnownByTheFirstRuleThatMatches() throws {
        let gate = try gate()
        #expect(try decision(gate, nil, from: Self.user, needing: .writeSessions) == ["user"])
        let other = Peer(credentials: .init(processID: 1, userID: 1000, groupID: 5))
        #expect(try decision(gate, nil, from: other) == ["again"])
        let member = Peer(credentials: .init(processID: 1, userID: 5, groupID: 7))
        #expect(try decision(gate, nil, from: member, needing: .readMetrics) == ["group"])
        let nobody = Peer(credentials: .init(processID: 1, userID: 5, groupID: 5))
        #expect(try decision(gate, nil, from: nobody) == Self.missing)
        #expect(try decision(gate, "Bearer alpha", from: nobody) == ["reader"])
        #expect(try decision(gate, "Bearer wrong", from: Self.user) == Self.wrong)
    }

    @Test func trustIsForThePlaceItNamesOnly() throws {
        let unix = Peer(credentials: .init(processID: 1, userID: 5, groupID: 5))
        let loopback = try gate { $0.trustsLoopback = true }
        #expect(try decision(loopback, nil) == ["anonymous"])
        #expect(try decision(loopback, nil, from: unix) == Self.missing)
        #expect(try decision(loopback, nil, from: Self.stranger) == Self.missing)
        #expect(try decision(loopback, "Bearer wrong") == Self.wrong)
        let socket = try gate { $0.trustsUnixSocket = true }
        #expect(try decision(socket, nil, from: unix) == ["anonymous"])
        #expect(try decision(socket, nil) == Self.missing)
    }

    @Test func eachWrongTokenIsHeldBackLongerButNeverTheRightOne() throws {
        let gate = try gate()
        var delays: [String?] = []
        for second in 0..<6 {
            delays.append(try decision(gate, "Bearer wrong", at: Double(second)).last)
            #expect(try decision(gate, "Bearer alpha", at: Double(second)) == ["reader"])
        }
        #expect(delays == ["250 ms", "500 ms", "1000 ms", "2000 ms", "4000 ms", "4000 ms"])
        #expect(try decision(gate, "Bearer wrong", from: Self.stranger).last == "250 ms")
        #expect(try decision(gate, "Bearer wrong", at: 64).last == "4000 ms")
        #expect(try decision(gate, "Bearer wrong", at: 124).last == "250 ms")
        #expect(try decision(gate, nil, at: 124) == Self.missing)
    }

    @Test func aCallerThatAsksTooOftenIsToldWhenToComeBack() throws {
        let gate = try gate()
        for _ in 0..<3 { #expect(try decision(gate, "Bearer beta") == ["root"]) }
        #expect(try decision(gate, "Bearer beta") == ["429 rate-limited", "retry 1"])
        #expect(try decision(gate, "Bearer alpha") == ["reader"])
        #expect(try decision(gate, "Bearer beta", at: 0.4) == ["429 rate-limited", "retry 1"])
        #expect(try decision(gate, "Bearer beta", at: 0.6) == ["root"])
        #expect(try decision(gate, "Bearer beta", at: 0.6) == ["429 rate-limited", "retry 1"])
    }

    @Test func theGeneralLimitIsForThoseWithoutARate() throws {
        var options = AuthorityOptions()
        let open = Gatekeeper(options, requestsPerSecondMax: 1)
        #expect(try decision(open, nil) == ["anonymous"])
        #expect(try decision(open, nil) == ["429 rate-limited", "retry 1"])
        options.keyring = try AuthorityKeyringTests.keyring(Self.tokens)
        let limited = Gatekeeper(options, requestsPerSecondMax: 1)
        #expect(try decision(limited, "Bearer beta") == ["root"])
        #expect(try decision(limited, "Bearer beta") == ["root"])
    }

    @Test func otherTokensCountAsSoonAsTheyAreThere() throws {
        let gate = try gate()
        for _ in 0..<4 { _ = try decision(gate, "Bearer beta") }
        var options = AuthorityOptions()
        options.keyring = try AuthorityKeyringTests.keyring(
            Self.tokens.replacing(
                AuthorityKeyringTests.alpha,
                with: String(repeating: "0", count: 64)
            )
        )
        gate.replace(options)
        #expect(try decision(gate, "Bearer alpha") == Self.wrong)
        // What is left of a rate is not made new by it.
        #expect(try decision(gate, "Bearer beta") == ["429 rate-limited", "retry 1"])
    }

    @Test func tokensAreSwappedWhileOthersAsk() throws {
        let gate = try gate { _ in }
        let isOver = HTTPHosting.Locked(false)
        let faults = HTTPHosting.Locked<[String]>([])
        let askers = try (0..<3).map { _ in
            try WorkerThread(name: "asker") {
                while !isOver.withLock({ $0 }) {
                    // With the secret of one keyring or the other, and never as anybody else.
                    let said = try? decision(gate, "Bearer alpha").first
                    guard let said, ["reader", "401 unauthenticated"].contains(said) else {
                        faults.withLock { $0.append(said ?? "nothing") }
                        return
                    }
                }
            }
        }
        let with = try AuthorityKeyringTests.keyring(Self.tokens)
        for round in 0..<1000 {
            var options = AuthorityOptions()
            options.keyring = round.isMultiple(of: 2) ? Keyring(tokens: [], unixPeers: []) : with
            gate.replace(options)
        }
        isOver.withLock { $0 = true }
        for asker in askers { asker.join() }
        #expect(faults.withLock { $0 } == [])
        #expect(try decision(gate, "Bearer alpha") == ["reader"])
    }

    @Test func aRefusalSaysWhoWasRefused() throws {
        var fields: HTTPFields = [:]
        fields[.authorization] = "Bearer alpha"
        let request = try Request(method: .get, target: "/", fields: fields, peer: Self.stranger)
        let now = Gatekeeper.Moment(monotonic: 0, wall: Timestamp(nanoseconds: 0))
        guard
            case .refuse(_, _, let principal) = try gate()
                .decide(request, needing: .administer, at: now)
        else {
            Issue.record("admitted")
            return
        }
        #expect(principal?.id == "reader")
    }

    @Test func aSessionIsNamedOnlyToThoseWhoSeeBoth() throws {
        let confined = """
            {"tokens": [{"id": "a", "sha256": "\(AuthorityKeyringTests.alpha)",
                         "scopes": ["sessions:read"], "selector": "team in (a, both)"}],
             "unixPeers": [{"id": "b", "uid": 7, "scopes": ["admin"], "selector": "team!=a"}]}
            """
        let gate = try gate { $0.keyring = try? AuthorityKeyringTests.keyring(confined) }
        func named(_ label: String, _ other: String) -> Bool {
            gate.admitsTogether(["team": label], ["team": other])
        }
        #expect(named("a", "a") && named("a", "both") && named("c", "both"))
        #expect(!named("a", "c") && !named("both", "a") && !named("c", "a"))
        let open = try self.gate { $0.keyring = nil }
        #expect(open.admitsTogether(["team": "a"], [:]))
    }
}
