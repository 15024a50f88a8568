import RelayModel
import Testing

@testable import ControlPlane

/// What the operator's policy lets targets of `forward` be.
@Suite struct AuthorityTargetPolicyTests {
    private func blamed(_ policy: String, _ target: String) throws -> [String] {
        let definition = try decode(
            #"{\#(Minimal.receiver),"forward":[{"session":"b"},\#(target)]}"#
        )
        return try AuthorityPolicyTests.policy(policy).violations(of: definition).map(\.pointer)
    }

    private static func to(_ address: String, _ more: String = "") -> String {
        #"{"address":"\#(address)","port":5004\#(more)}"#
    }

    @Test(arguments: [
        (#"{}"#, to("224.0.0.251"), ["/forward/1/address"]),
        (#"{"localControlGroups":["224.0.0.251"]}"#, to("224.0.0.251"), []),
        (#"{"groups":["239.1.0.0/16"]}"#, to("239.1.9.9"), []),
        (#"{"groups":["239.1.0.0/16"]}"#, to("239.2.9.9"), ["/forward/1/address"]),
        (#"{"groups":["239.1.0.0/16"]}"#, to("10.0.0.1"), []),
        (#"{"broadcast":false}"#, to("255.255.255.255"), ["/forward/1/address"]),
        (#"{"broadcast":false}"#, to("10.0.0.1"), []),
        (#"{"ports":["5004"]}"#, to("10.0.0.1"), []),
        (#"{"ports":["5004"]}"#, to("10.0.0.1", #","localPort":5005"#), ["/forward/1/localPort"]),
        (#"{"ports":["5004","5005"]}"#, to("10.0.0.1", #","localPort":5005"#), []),
        (#"{"ports":["5004"]}"#, #"{"address":"10.0.0.1","port":53}"#, ["/forward/1/port"]),
        (#"{"interfaces":["lo"]}"#, to("10.0.0.1", #","interface":"lo""#), []),
        (
            #"{"interfaces":["lo"]}"#, to("10.0.0.1", #","interface":"eth0""#),
            ["/forward/1/interface"]
        ),
        (#"{"ttlMax":64}"#, to("10.0.0.1"), []),
        (#"{"ttlMax":63}"#, to("10.0.0.1"), ["/forward/1/ttl"]),
        (#"{"ttlMax":8}"#, to("239.1.9.9", #","ttl":9"#), ["/forward/1/ttl"]),
        (#"{"ttlMax":254}"#, #"{"session":"c","ttlMode":"decrement"}"#, []),
        (#"{"ttlMax":253}"#, #"{"session":"c","ttlMode":"decrement"}"#, ["/forward/1/ttlMode"]),
    ])
    func whatIsForbiddenIsBlamed(policy: String, target: String, pointers: [String]) throws {
        #expect(try blamed(policy, target).filter { $0.hasPrefix("/forward") } == pointers)
    }

    @Test func aRefusalSaysWhatOfWhichTarget() throws {
        let definition = try decode(
            #"{\#(Minimal.receiver),"forward":[{"session":"b"},\#(Self.to("10.0.0.1"))]}"#
        )
        let refusal = try AuthorityPolicyTests.policy(#"{"ttlMax":8}"#).refusal(of: definition)
        #expect(refusal?.detail.hasSuffix("forward 1 ttl 64 is more than 8") == true)
    }

    @Test func theInterfaceReallyUsedIsHeldAgainstThePolicy() throws {
        let service = try Service(store: MemoryStore())
        try service.mustCreate(
            loopbackSender("a", localPort: 0) + #","forward":[{"address":"127.0.0.1","port":9}]"#
        )
        let name = try #require(SessionName("a"))
        let session = try #require(service.registry.session(name))
        service.registry.setPolicy(try AuthorityPolicyTests.policy(#"{"interfaces":["eth*"]}"#))
        service.registry.enforcePolicy()
        #expect(session.status.reason?.code == .forbiddenByPolicy)
        let refused = try service.create(
            #""name":"b","kind":"broadcast","role":"sender","port":9,"address":"127.255.255.255","#
                + #""forward":[{"address":"127.0.0.1","port":9}]"#
        )
        #expect(refused.status == .forbidden)
    }
}
