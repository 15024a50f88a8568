import Testing

@testable import ControlPlane
@testable import RelayModel

/// Definitions that are refused, with the code and the pointers that a client is told.
@Suite struct DefinitionFaultTests {
    // MARK: - The body as a whole

    @Test(arguments: ["[]", "1", #""x""#, "true", "null"])
    func aBodyThatIsNoObjectIsInvalid(text: String) {
        #expect(faults(in: text) == Faults("invalid-field", ""))
    }

    @Test func aKindIsNeeded() {
        #expect(faults(in: "{}") == Faults("missing-field", "/kind"))
        #expect(faults(in: #"{"kind":null}"#) == Faults("invalid-field", "/kind"))
        #expect(faults(in: #"{"kind":"Broadcast"}"#) == Faults("invalid-field", "/kind"))
        #expect(faults(in: #"{"kind":1}"#) == Faults("invalid-field", "/kind"))
    }

    @Test func whatAKindNeedsIsMissing() {
        for kind in ["multicast-sender", "multicast-receiver", "multicast-peer"] {
            #expect(
                faults(in: #"{"kind":"\#(kind)"}"#) == Faults("missing-field", "/group", "/port")
            )
        }
        #expect(faults(in: #"{"kind":"broadcast"}"#) == Faults("missing-field", "/port"))
    }

    @Test(arguments: Minimal.all) func theLeastOfEachKindIsEnough(minimal: String) {
        #expect(faults(in: "{\(minimal)}") == nil)
    }

    @Test(arguments: Minimal.all) func anUnknownFieldIsRefused(minimal: String) {
        for name in ["forwards", "Name", "ports", "", "status ", "coalescing", "expect"] {
            #expect(
                faults(in: #"{\#(minimal),"\#(name)":1}"#) == Faults("unknown-field", "/\(name)")
            )
        }
    }

    @Test func aPointerIsEscaped() {
        let text = #"{\#(Minimal.peer),"a/b":1,"a~b":1,"~1":1,"é\"":1}"#
        #expect(faults(in: text) == Faults("unknown-field", "/a~1b", "/a~0b", "/~01", "/é\""))
        let labels = #"{\#(Minimal.peer),"labels":{"a/b~":"x","a/b":" "}}"#
        #expect(faults(in: labels) == Faults("invalid-field", "/labels/a~1b~0", "/labels/a~1b"))
    }

    @Test func readOnlyMembersAreIgnoredWhateverTheyAre() throws {
        let members = [
            "id", "origin", "generation", "createdAt", "updatedAt", "status", "counters",
        ]
        for value in ["null", "1", "{\"x\":[]}", "[]", #""x""#] {
            let text = members.map { "\(quoted($0)):\(value)" }.joined(separator: ",")
            #expect(faults(in: "{\(Minimal.peer),\(text)}") == nil)
        }
    }

    // MARK: - Types

    /// A value of every JSON type.
    static let values = [
        "null": "null", "boolean": "true", "number": "1", "string": quoted("x"), "array": "[]",
        "object": "{}",
    ]

    @Test(arguments: [
        ("name", "string"), ("kind", "string"), ("group", "string"), ("port", "number"),
        ("interface", "string"), ("sources", "array"), ("allow", "array"), ("deny", "array"),
        ("requireSourcePort", "number"), ("accept", "array"), ("receiveOwn", "boolean"),
        ("loopback", "boolean"), ("ttl", "number"), ("localPort", "number"), ("reply", "object"),
        ("recentPackets", "number"), ("snapLength", "number"), ("receiveBufferBytes", "number"),
        ("whenUnavailable", "string"), ("labels", "object"), ("annotations", "object"),
        ("enabled", "boolean"), ("persist", "boolean"), ("role", "string"), ("address", "string"),
        ("forward", "array"), ("loopGuardMilliseconds", "number"), ("limits", "object"),
        ("dscp", "number"), ("exclusive", "boolean"),
        ("recordDSCP", "boolean"),
        ("coalesceMicroseconds", "number"),
    ])
    func aValueOfAnyOtherTypeIsRefused(field: String, type: String) throws {
        let sessionField = try #require(SessionField(rawValue: field))
        for kind in SessionKind.allCases where sessionField.applies(to: kind) {
            for (other, value) in Self.values where other != type {
                var members = ["kind": quoted(kind.rawValue), "port": "5004"]
                if kind.isMulticast { members["group"] = quoted("239.1.2.3") }
                if kind == .broadcast && !sessionField.applies(to: .peer) {
                    members["role"] = quoted(
                        sessionField.applies(to: .sender) ? "sender" : "receiver"
                    )
                }
                members[field] = value
                let text = members.map { "\(quoted($0.key)):\($0.value)" }.joined(separator: ",")
                #expect(
                    faults(in: "{\(text)}") == Faults("invalid-field", "/\(field)"),
                    "{\(text)}"
                )
            }
        }
    }

    @Test(arguments: ["sources", "allow", "deny", "accept"])
    func anElementOfAnotherTypeIsRefusedByItsIndex(field: String) {
        let good = field == "accept" ? "unicast" : "10.0.0.5"
        for (type, value) in Self.values where type != "string" {
            let text = #"{\#(Minimal.receiver),"\#(field)":["\#(good)",\#(value)]}"#
            #expect(faults(in: text) == Faults("invalid-field", "/\(field)/1"), "\(text)")
        }
        let text = #"{\#(Minimal.receiver),"\#(field)":["x","\#(good)","y"]}"#
        #expect(faults(in: text) == Faults("invalid-field", "/\(field)/0", "/\(field)/2"))
    }

    // MARK: - Kinds and roles

    @Test(arguments: SessionKind.allCases) func aFieldOfAnotherKindIsUnknown(kind: SessionKind) {
        let group = kind.isMulticast ? #","group":"239.1.2.3""# : ""
        for field in SessionField.allCases where !field.applies(to: kind) {
            let text = #"{"kind":"\#(kind.rawValue)","port":1\#(group),"\#(field.rawValue)":null}"#
            #expect(faults(in: text) == Faults("unknown-field", "/\(field.rawValue)"))
        }
    }

    @Test(arguments: BroadcastRole.allCases) func aFieldOfAnotherRoleIsInvalid(role: BroadcastRole)
    {
        let text = #"{"kind":"broadcast","role":"\#(role.rawValue)","port":1"#
        for field in SessionField.allCases
        where field.applies(to: .broadcast) && !field.applies(to: role) {
            #expect(
                faults(in: #"\#(text),"\#(field.rawValue)":1}"#)
                    == Faults("invalid-field", "/\(field.rawValue)")
            )
        }
    }

    @Test func aBroadcastWithoutARoleIsReadAsAPeer() {
        #expect(faults(in: #"{\#(Minimal.broadcast),"receiveOwn":true}"#) == nil)
        #expect(
            faults(in: #"{\#(Minimal.broadcast),"localPort":1}"#)
                == Faults("invalid-field", "/localPort")
        )
    }

    @Test func aBadRoleBlamesNoOtherField() {
        let text =
            #"{"kind":"broadcast","role":"king","port":1,"localPort":0,"reply":{"text":"x"}}"#
        #expect(faults(in: text) == Faults("invalid-field", "/role"))
    }

    // MARK: - Several at once

    @Test func everyFaultIsReported() {
        let text = #"""
            {"kind":"multicast-receiver","name":"A","group":"10.0.0.1","port":5004,"ttl":0,
             "sources":["x"],
             "allow":["10.0.0.0/33"],"accept":["all"],"snapLength":-1,
             "reply":{"text":1},"labels":{"k":1},
             "enabled":"yes","nonsense":{}}
            """#
        let found = faults(in: text)
        #expect(
            found?.pointers
                == [
                    "/accept/0", "/allow/0", "/enabled", "/group", "/labels/k", "/name",
                    "/nonsense",
                    "/reply/text", "/snapLength", "/sources/0", "/ttl",
                ]
        )
    }

    @Test func aBadPortHidesNoOtherFault() {
        #expect(
            faults(in: #"{"kind":"broadcast","port":0,"ttl":0,"address":"x"}"#)
                == Faults("invalid-field", "/port", "/ttl", "/address")
        )
        #expect(
            faults(in: #"{"kind":"multicast-peer","ttl":0,"group":"10.0.0.1"}"#)
                == Faults("missing-field", "/port", "/ttl", "/group")
        )
    }

    @Test func aThousandFaultsAreNotAllListed() throws {
        let members = (0..<1000).map { "\"x\($0)\":1" }.joined(separator: ",")
        let problem = #expect(throws: Problem.self) { try decode("{\(Minimal.peer),\(members)}") }
        #expect(problem?.errors.count == 32)
        #expect(problem?.detail.hasSuffix("(and 999 more)") == true)
    }
}
