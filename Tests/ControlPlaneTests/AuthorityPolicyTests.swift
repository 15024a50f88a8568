import HTTPHosting
import RelayModel
import Testing

@testable import ControlPlane

/// What sessions the operator's policy lets be.
@Suite struct AuthorityPolicyTests {
    static func policy(_ json: String) throws -> SessionPolicy {
        try SessionPolicy(decoding: JSONParser.parse(Array(json.utf8)))
    }

    private func definition(_ members: String) throws -> SessionDefinition {
        try SessionDefinition(decoding: JSONParser.parse(Array("{\(members)}".utf8)))
    }

    /// The pointers that a policy blames.
    private func blamed(_ policy: String, _ members: String) throws -> [String] {
        try Self.policy(policy).violations(of: definition(members)).map(\.pointer)
    }

    private static func sender(_ group: String, _ more: String = "") -> String {
        #""kind": "multicast-sender", "group": "\#(group)", "port": 5004\#(more)"#
    }
    private static func answerer(_ reply: String, _ more: String = "") -> String {
        #""kind": "multicast-receiver", "group": "239.1.1.1", "port": 5004, "reply": "#
            + #"{"text": "a", \#(reply)}\#(more)"#
    }
    private static let responder = """
        "kind": "multicast-receiver", "group": "239.1.1.1", "port": 5004,
        "reply": {"text": "a", "perSecondMax": 51}
        """

    @Test func byDefaultEverythingIsAllowedButTheLocalControlBlock() throws {
        for group in ["224.0.0.1", "224.0.0.251", "224.0.0.255"] {
            #expect(try blamed("{}", Self.sender(group)) == ["/group"])
        }
        let groups = [
            "ff02::", "ff02::1", "ff02::2", "ff02::5", "ff02::6", "ff02::b", "ff02::d", "ff02::16",
            "ff02::fb", "ff02::ff", "ff02::1:0", "ff02::1:2", "ff02::1:3", "ff02::1:ffff",
            "ff02::1:ff00:0", "ff02::1:ffff:ffff", "ff02::2:ff00:0",
        ]
        for group in groups {
            let definition = Self.sender(group, #", "interface": "lo""#)
            #expect(try blamed("{}", definition) == ["/group"])
        }
        let others = [
            "224.0.1.0", "239.255.255.255", "ff05::1", "ff02::c", "ff02::100", "ff02::4242",
            "ff02::2:0", "ff02::1:fe00:0", "ff12::5", "ff32::5", "ff02:1::5", "ff05::1:3",
        ]
        for group in others {
            #expect(try blamed("{}", Self.sender(group, #", "interface": "lo", "ttl": 255"#)) == [])
        }
        #expect(try blamed("{}", #""kind": "broadcast", "port": 9"#) == [])
        #expect(SessionPolicy() == (try Self.policy("{}")))
    }

    @Test func aControlGroupIsOptedInByItself() throws {
        let policy = #"{"localControlGroups": ["224.0.0.251"], "groups": ["239.0.0.0/8"]}"#
        #expect(try blamed(policy, Self.sender("224.0.0.251")) == [])
        #expect(try blamed(policy, Self.sender("224.0.0.252")) == ["/group"])
        let ipv6 = #"{"localControlGroups": ["ff02::fb", "ff02::1:3"], "groups": []}"#
        for (group, faults) in [("ff02::fb", []), ("ff02::1:3", []), ("ff02::16", ["/group"])] {
            #expect(try blamed(ipv6, Self.sender(group, #", "interface": "lo""#)) == faults)
        }
        let all = #"{"groups": ["224.0.0.0/4"]}"#
        #expect(try blamed(all, Self.sender("224.0.0.251")) == ["/group"])
    }

    @Test(arguments: [
        (#"{"groups": ["239.1.0.0/16"]}"#, sender("239.1.255.255"), []),
        (#"{"groups": ["239.1.0.0/16"]}"#, sender("239.2.0.0"), ["/group"]),
        (#"{"groups": ["239.1.0.0/16"]}"#, sender("ff05::1"), ["/group"]),
        (#"{"groups": ["239.1.0.0/16", "ff05::/16"]}"#, sender("ff05::1"), []),
        (#"{"groups": []}"#, sender("239.1.1.1"), ["/group"]),
        (#"{"groups": []}"#, #""kind": "broadcast", "port": 9"#, []),
        (#"{"broadcast": false}"#, #""kind": "broadcast", "port": 9"#, ["/kind"]),
        (#"{"broadcast": false}"#, answerer(#""to": "destination""#), []),
        (
            #"{"broadcast": false}"#,
            answerer(#""to": "destination""#, #", "accept": ["multicast", "broadcast"]"#),
            ["/reply"]
        ),
        (#"{"ttlMax": 4}"#, answerer(#""ttl": 5"#), ["/reply"]),
        (#"{"ttlMax": 4}"#, answerer(#""ttl": 4"#), []),
        (#"{"ports": ["5004"]}"#, sender("239.1.1.1"), []),
        (#"{"ports": ["5000-5003", "5005-6000"]}"#, sender("239.1.1.1"), ["/port"]),
        (#"{"ports": ["5004"]}"#, sender("239.1.1.1", #", "localPort": 53"#), ["/localPort"]),
        (#"{"ports": ["53", "5004"]}"#, sender("239.1.1.1", #", "localPort": 53"#), []),
        (#"{"ttlMax": 8}"#, sender("239.1.1.1", #", "ttl": 8"#), []),
        (#"{"ttlMax": 8}"#, sender("239.1.1.1", #", "ttl": 9"#), ["/ttl"]),
        (#"{"ttlMax": 1}"#, responder, []),
        (#"{"repliesPerSecondMax": 51}"#, responder, []),
        (#"{"repliesPerSecondMax": 50}"#, responder, ["/reply"]),
        (
            #"{"groups": [], "ports": [], "ttlMax": 1}"#, sender("239.1.1.1", #", "ttl": 2"#),
            ["/group", "/port", "/ttl"]
        ),
    ])
    func whatIsForbiddenIsBlamed(policy: String, members: String, pointers: [String]) throws {
        #expect(try blamed(policy, members) == pointers)
    }

    @Test func anInterfaceIsJudgedByTheOneReallyUsed() throws {
        let text = #"{"interfaces": ["eth0", "vlan*"]}"#
        for (name, isAllowed) in [
            ("eth0", true), ("eth01", false), ("vlan", true), ("vlan7", true),
        ] {
            let named = Self.sender("239.1.1.1", #", "interface": "\#(name)""#)
            #expect(try blamed(text, named) == (isAllowed ? [] : ["/interface"]))
            let refusal = try Self.policy(text).refusal(ofInterface: name)
            #expect((refusal == nil) == isAllowed)
        }
        // An address, or the route, says only when it is opened which interface that is.
        #expect(try blamed(text, Self.sender("239.1.1.1", #", "interface": "10.0.0.1""#)) == [])
        #expect(try blamed(text, Self.sender("239.1.1.1")) == [])
        let everywhere = #""kind": "broadcast", "role": "receiver", "port": 9"#
        #expect(try blamed(text, everywhere) == ["/interface"])
        #expect(try blamed(#"{"interfaces": ["*"]}"#, Self.sender("239.1.1.1")) == [])
        #expect(try Self.policy(#"{"interfaces": ["*"]}"#).refusal(ofInterface: "x") == nil)
        #expect(SessionPolicy().refusal(ofInterface: "x") == nil)
    }

    @Test func aRefusalIsA403WithPointers() throws {
        let refusal = try #require(
            try Self.policy(#"{"ports": ["1-1023"], "ttlMax": 1}"#)
                .refusal(of: definition(Self.sender("239.1.1.1", #", "ttl": 2"#)))
        )
        #expect(refusal.code == .forbiddenByPolicy)
        let problem = refusal.problem
        #expect(problem.status == .forbidden && problem.code == "forbidden-by-policy")
        #expect(problem.errors.map(\.pointer) == ["/port", "/ttl"])
        #expect(problem.detail.hasSuffix("port 5004 is not in 1-1023 (and 1 more)"))
    }

    @Test(arguments: [
        (#"{"group": []}"#, "/group"), (#"{"groups": ["10.0.0.0/8"]}"#, "/groups/0"),
        (#"{"groups": ["224.0.0.0/3"]}"#, "/groups/0"), (#"{"groups": "239.0.0.0/8"}"#, "/groups"),
        (#"{"localControlGroups": ["224.0.1.1"]}"#, "/localControlGroups/0"),
        (#"{"localControlGroups": ["224.0.0.0"]}"#, "/localControlGroups/0"),
        (#"{"ports": ["0"]}"#, "/ports/0"), (#"{"ports": ["9-8"]}"#, "/ports/0"),
        (#"{"ports": ["1-65536"]}"#, "/ports/0"), (#"{"ports": ["+1"]}"#, "/ports/0"),
        (#"{"ports": ["1-2-3"]}"#, "/ports/0"), (#"{"ports": [5]}"#, "/ports/0"),
        (#"{"interfaces": ["e*h"]}"#, "/interfaces/0"), (#"{"interfaces": [""]}"#, "/interfaces/0"),
        (#"{"interfaces": ["10.0.0.1"]}"#, "/interfaces/0"), (#"{"broadcast": 1}"#, "/broadcast"),
        (#"{"ttlMax": 0}"#, "/ttlMax"), (#"{"repliesPerSecondMax": 0}"#, "/repliesPerSecondMax"),
        (#"{"datagramsPerSecondMax": 1.5}"#, "/datagramsPerSecondMax"), ("[]", ""),
    ])
    func aWrongPolicyIsRefusedWithAPointer(json: String, pointer: String) throws {
        let faults = #expect(throws: DocumentFaults.self) { _ = try Self.policy(json) }
        #expect(faults?.faults.map(\.pointer) == [pointer])
    }

    @Test func configuredSessionsAreHeldAgainstThePolicy() throws {
        var options = ServiceOptions()
        options.policy = try Self.policy(#"{"ports": ["1-1023"]}"#)
        let text = "[{\"name\": \"a\", \(Self.sender("239.1.1.1"))}]"
        options.configuredSessions = try JSONParser.parse(Array(text.utf8)).elementsOfSessions()
        #expect(options.configuredSessionFaults().map(\.pointer) == ["/0/port"])
    }
}

/// Posted datagrams under the operator's policy.
@Suite struct AuthorityDatagramTests {
    private let names = ["a", "b"].compactMap(SessionName.init)

    private func isRefused(
        _ budgets: DatagramBudgets,
        _ count: Int,
        of session: Int = 0,
        at seconds: Double
    ) -> Bool {
        do {
            try budgets.spend(count, of: names[session], at: Int64(seconds * 1e9))
            return false
        } catch {
            return error.status == .tooManyRequests && error.fields[.retryAfter] != nil
        }
    }

    @Test func eachSessionHasARateOfItsOwn() {
        let budgets = DatagramBudgets(perSecondMax: 10)
        #expect(!isRefused(budgets, 10, at: 0))
        #expect(isRefused(budgets, 1, at: 0))
        #expect(!isRefused(budgets, 1, of: 1, at: 0))
        #expect(!isRefused(budgets, 1024, at: 0.5))
        #expect(isRefused(budgets, 1, at: 100))
        #expect(!isRefused(budgets, 1, at: 103))
    }

    @Test func withoutAPolicyThereIsNoRate() {
        let budgets = DatagramBudgets(perSecondMax: nil)
        for _ in 0..<100 { #expect(!isRefused(budgets, 1024, at: 0)) }
        budgets.replace(perSecondMax: 1)
        #expect(!isRefused(budgets, 1, at: 0))
        #expect(isRefused(budgets, 1, at: 0))
        budgets.replace(perSecondMax: 1)
        #expect(isRefused(budgets, 1, at: 0))
        budgets.replace(perSecondMax: nil)
        #expect(!isRefused(budgets, 1, at: 0))
    }

    @Test func tooManyPostedDatagramsAreA429() throws {
        let service = try Service(store: MemoryStore())
        try service.mustCreate(
            #""name": "s", "kind": "multicast-sender", "group": "239.9.9.9", "interface": "lo","#
                + #""port": 5004"#
        )
        service.api.datagramBudgets.replace(perSecondMax: 1)
        #expect(try service.post("/v1/sessions/s/datagrams", #"{"text": "a"}"#).status == .ok)
        let second = try service.post("/v1/sessions/s/datagrams", #"{"text": "a"}"#)
        #expect(try second.problemCode == "rate-limited")
        #expect(second.fields[.retryAfter] == "1")
    }
}
