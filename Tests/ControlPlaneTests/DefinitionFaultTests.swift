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
        for name in ["forward", "Name", "ports", "", "status ", "limits", "expect"] {
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

    // MARK: - Borders

    @Test(arguments: [
        (Minimal.peer, "ttl", 1, 255), (Minimal.peer, "requireSourcePort", 0, 65_535),
        (Minimal.sender, "localPort", 0, 65_535), (Minimal.broadcastSender, "localPort", 0, 65_535),
        (Minimal.receiver, "recentPackets", 0, 4096), (Minimal.receiver, "snapLength", 0, 65_535),
        (Minimal.receiver, "receiveBufferBytes", 2048, 268_435_456),
        (#""kind":"broadcast""#, "port", 1, 65_535),
    ])
    func aNumberIsAWholeOneInItsRange(minimal: String, field: String, least: Int, most: Int) {
        for good in ["\(least)", "\(most)", "\(most).0", "\(least)e0"] {
            #expect(faults(in: #"{\#(minimal),"\#(field)":\#(good)}"#) == nil, "\(good)")
        }
        for bad in [
            "\(least - 1)", "\(most + 1)", "\(least).5", "-1", "1e300", "18446744073709551616",
            quoted("\(least)"),
        ] {
            #expect(
                faults(in: #"{\#(minimal),"\#(field)":\#(bad)}"#)
                    == Faults("invalid-field", "/\(field)"),
                "\(bad)"
            )
        }
    }

    @Test func aWholeNumberMayBeWrittenWithAFraction() throws {
        let definition = try decode(
            #"{"kind":"broadcast","port":5004.0,"ttl":2e0,"recentPackets":0.4e1}"#
        )
        #expect(definition.port == 5004 && definition.ttl == 2 && definition.recentPackets == 4)
    }

    @Test func listsAreBounded() {
        func list(_ count: Int) -> String {
            "[" + (0..<count).map { quoted("10.0.0.\($0 + 1)") }.joined(separator: ",") + "]"
        }
        for (field, most) in [("sources", 10), ("allow", 64), ("deny", 64)] {
            #expect(faults(in: #"{\#(Minimal.receiver),"\#(field)":\#(list(most))}"#) == nil)
            #expect(
                faults(in: #"{\#(Minimal.receiver),"\#(field)":\#(list(most + 1))}"#)
                    == Faults("invalid-field", "/\(field)")
            )
            #expect(faults(in: #"{\#(Minimal.receiver),"\#(field)":[]}"#) == nil)
        }
        #expect(
            faults(in: #"{\#(Minimal.receiver),"accept":["multicast","broadcast","unicast"]}"#)
                == nil
        )
        #expect(
            faults(in: #"{\#(Minimal.receiver),"accept":[]}"#) == Faults("invalid-field", "/accept")
        )
    }

    @Test func aSourceOrClassIsListedOnce() {
        #expect(
            faults(in: #"{\#(Minimal.receiver),"sources":["10.0.0.1","10.0.0.2","10.0.0.1"]}"#)
                == Faults("invalid-field", "/sources")
        )
        #expect(
            faults(in: #"{\#(Minimal.receiver),"accept":["unicast","unicast"]}"#)
                == Faults("invalid-field", "/accept")
        )
        #expect(faults(in: #"{\#(Minimal.receiver),"allow":["10.0.0.1","10.0.0.1"]}"#) == nil)
    }

    @Test func labelsAndAnnotationsAreBounded() {
        func entries(_ count: Int) -> String {
            (0..<count).map { "\(quoted("k\($0)")):\(quoted("v"))" }.joined(separator: ",")
        }
        for field in ["labels", "annotations"] {
            #expect(faults(in: #"{\#(Minimal.peer),"\#(field)":{\#(entries(64))}}"#) == nil)
            #expect(
                faults(in: #"{\#(Minimal.peer),"\#(field)":{\#(entries(65))}}"#)
                    == Faults("invalid-field", "/\(field)")
            )
        }
    }

    @Test(arguments: [
        ("a", true), ("0", true), ("Z9", true), ("a.b/c_d-e", true),
        (String(repeating: "k", count: 63), true),
        ("", false), ("-a", false), ("a/", false), ("a b", false), ("é", false),
        (String(repeating: "k", count: 64), false),
    ])
    func aKeyOfALabelFollowsItsRule(key: String, isValid: Bool) {
        let pointer = key.split(separator: "/", omittingEmptySubsequences: false).joined(
            separator: "~1"
        )
        for field in ["labels", "annotations"] {
            let found = faults(in: #"{\#(Minimal.peer),"\#(field)":{"\#(key)":"x"}}"#)
            #expect(found == (isValid ? nil : Faults("invalid-field", "/\(field)/\(pointer)")))
        }
    }

    @Test func aValueOfALabelIsShortAndPlain() {
        func labels(_ value: String) -> Faults? {
            faults(in: #"{\#(Minimal.peer),"labels":{"k":"\#(value)"}}"#)
        }
        for good in ["", "a.B_9-", String(repeating: "v", count: 63)] {
            #expect(labels(good) == nil)
        }
        for bad in ["a b", "é", "a/b", String(repeating: "v", count: 64)] {
            #expect(labels(bad) == Faults("invalid-field", "/labels/k"), "\(bad)")
        }
    }

    @Test func aValueOfAnAnnotationIsCountedInCharacters() {
        func annotations(_ value: String) -> Faults? {
            faults(in: #"{\#(Minimal.peer),"annotations":{"k":"\#(value)"}}"#)
        }
        #expect(annotations("any text, \\n and 日本") == nil)
        for character in ["x", "é", "日", "😀"] {
            #expect(annotations(String(repeating: character, count: 1024)) == nil)
            #expect(
                annotations(String(repeating: character, count: 1025))
                    == Faults("invalid-field", "/annotations/k")
            )
        }
        // A letter and its accent are one Character but two of JSON Schema's characters.
        #expect(annotations(String(repeating: "e\u{301}", count: 512)) == nil)
        #expect(
            annotations(String(repeating: "e\u{301}", count: 513))
                == Faults("invalid-field", "/annotations/k")
        )
    }

    // MARK: - Addresses

    @Test(arguments: [
        "", "239.1.2", "10.0.0.1", "224.0.0.0", "ff01::1", "ff0f::1", "localhost", "239.1.2.3/32",
    ])
    func aGroupIsAMulticastAddress(group: String) {
        let text = #"{"kind":"multicast-peer","port":1,"group":"\#(group)"}"#
        #expect(faults(in: text) == Faults("invalid-field", "/group"))
    }

    @Test func aLinkLocalGroupNeedsItsInterface() {
        let members = #""kind":"multicast-peer","port":1,"group":"ff02::4242""#
        #expect(faults(in: "{\(members)}") == Faults("missing-field", "/interface"))
        #expect(
            faults(in: #"{\#(members),"interface":""}"#) == Faults("invalid-field", "/interface")
        )
        #expect(faults(in: #"{\#(members),"interface":"lo"}"#) == nil)
        #expect(faults(in: #"{\#(members),"interface":"::1"}"#) == nil)
    }

    @Test(arguments: ["", "1234567890123456", "a/b", "a b", "fe80::1%eth0"])
    func anInterfaceIsANameOrAnAddress(interface: String) {
        let text = #"{\#(Minimal.peer),"interface":"\#(interface)"}"#
        #expect(faults(in: text) == Faults("invalid-field", "/interface"))
    }

    @Test(arguments: ["::1", "239.1.2.3", "0.0.0.0", "240.0.0.1", "x", ""])
    func aBroadcastAddressIsAnIPv4One(address: String) {
        let text = #"{\#(Minimal.broadcast),"address":"\#(address)"}"#
        #expect(faults(in: text) == Faults("invalid-field", "/address"))
    }

    /// The pointer counts the elements as the client wrote them.
    @Test func aBadSourceIsNamedByItsIndexInTheBody() {
        func sources(_ list: String) -> Faults? {
            faults(
                in: #"{"kind":"multicast-receiver","group":"ff3e::1","port":1,"sources":\#(list)}"#
            )
        }
        #expect(sources(#"["fd00::1","10.0.0.1"]"#) == Faults("invalid-field", "/sources/1"))
        #expect(sources(#"["fd00::1","FD00::1"]"#) == nil)
        #expect(
            sources(#"["fd00::1","FD00::1","ff02::1"]"#) == Faults("invalid-field", "/sources/2")
        )
        #expect(sources(#"["x","fd00::1"]"#) == Faults("invalid-field", "/sources/0"))
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

    // MARK: - Reply

    @Test(arguments: [
        #"{"text":""}"#, #"{"text":"x","perSecondMax":1}"#, #"{"base64":""}"#,
        #"{"base64":"AP8="}"#,
        #"{"template":"{{{hostname}}}","perSecondMax":1000000}"#,
    ])
    func aReplyHasOneOfThreeForms(reply: String) {
        #expect(faults(in: #"{\#(Minimal.receiver),"reply":\#(reply)}"#) == nil)
        #expect(faults(in: #"{\#(Minimal.broadcastReceiver),"reply":\#(reply)}"#) == nil)
    }

    @Test(
        arguments: [
            ("{}", "missing-field", ["/reply"]),
            (#"{"perSecondMax":1}"#, "missing-field", ["/reply"]),
            (#"{"text":"x","base64":""}"#, "invalid-field", ["/reply"]),
            (#"{"text":"x","template":"x"}"#, "invalid-field", ["/reply"]),
            (#"{"text":null}"#, "invalid-field", ["/reply/text"]),
            (#"{"base64":"A"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"QUI"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"QU JD"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"QUJD\n"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"_-_-"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"=QUI"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"QQ==QUJD"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"A==="}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"QUJD===="}"#, "invalid-field", ["/reply/base64"]),
            (#"{"template":"{nobody}"}"#, "invalid-field", ["/reply/template"]),
            (#"{"template":"}"}"#, "invalid-field", ["/reply/template"]),
            (#"{"text":"x","perSecondMax":0}"#, "invalid-field", ["/reply/perSecondMax"]),
            (#"{"text":"x","perSecondMax":1000001}"#, "invalid-field", ["/reply/perSecondMax"]),
            (#"{"text":"x","handler":"h"}"#, "unknown-field", ["/reply/handler"]),
            (#"{"text":"x","a/b":1}"#, "unknown-field", ["/reply/a~1b"]),
        ] as [(String, String, [String])]
    )
    func anyOtherReplyIsRefused(reply: String, code: String, pointers: [String]) {
        let found = faults(in: #"{\#(Minimal.receiver),"reply":\#(reply)}"#)
        #expect(found?.code == code)
        #expect(found?.pointers == pointers)
    }

    @Test func aReplyFitsInADatagram() {
        let border = String(repeating: "x", count: 65_507)
        func reply(_ form: String, _ value: String) -> Faults? {
            faults(in: #"{\#(Minimal.receiver),"reply":{"\#(form)":"\#(value)"}}"#)
        }
        #expect(reply("text", border) == nil)
        #expect(reply("text", border + "x") == Faults("invalid-field", "/reply/text"))
        #expect(
            reply("text", String(repeating: "é", count: 32_754))
                == Faults("invalid-field", "/reply/text")
        )
        // 65 507 bytes are 21 835 groups of three and two bytes.
        #expect(reply("base64", String(repeating: "AAAA", count: 21_835) + "AAA=") == nil)
        #expect(
            reply("base64", String(repeating: "AAAA", count: 21_836))
                == Faults("invalid-field", "/reply/base64")
        )
        #expect(reply("template", String(repeating: "x", count: 8192)) == nil)
        #expect(
            reply("template", String(repeating: "x", count: 8193))
                == Faults("invalid-field", "/reply/template")
        )
    }

    // MARK: - Several at once

    @Test func everyFaultIsReported() {
        let text = #"""
            {"kind":"multicast-receiver","name":"A","group":"10.0.0.1","port":5004,"ttl":0,"sources":["x"],
             "allow":["10.0.0.0/33"],"accept":["all"],"snapLength":-1,"reply":{"text":1},"labels":{"k":1},
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
