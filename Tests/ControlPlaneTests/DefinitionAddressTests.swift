import Testing

@testable import ControlPlane
@testable import RelayModel

/// The addresses in a definition.
@Suite struct DefinitionAddressTests {
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

    @Test(arguments: [
        ("group", #""ff02::4242%eth0""#, "/group", "write ff02::4242, and eth0 in interface"),
        ("group", #""ff02::4242%""#, "/group", "write ff02::4242, and the zone in interface"),
        ("interface", #""fe80::1%eth0""#, "/interface", "the name of the interface, eth0,"),
        ("sources", #"["fe80::1%eth0"]"#, "/sources/0", "write fe80::1, and eth0 in interface"),
        (
            "deny", #"["fe80::1%2"]"#, "/deny/0",
            "write fe80::1, and the name of interface 2 in interface"
        ),
        ("allow", #"["fe80::%eth0/64"]"#, "/allow/0", "write fe80::/64, and eth0 in interface"),
        ("interface", #""fe80::1%2""#, "/interface", "interface, the name of interface 2, or"),
        (
            "forward", #"[{"address":"fe80::1%eth0","port":1}]"#, "/forward/0/address",
            "write fe80::1, and eth0 in interface"
        ),
    ])
    func aZoneGoesIntoTheInterface(
        field: String,
        value: String,
        pointer: String,
        advice: String
    ) throws {
        var members = [
            "kind": #""multicast-receiver""#, "port": "1", "group": #""ff05::1""#,
        ]
        members[field] = value
        let text = members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
        let body = try JSONValue(parsing: Array("{\(text)}".utf8))
        do {
            _ = try SessionDefinition(decoding: body)
            Issue.record("a zone was accepted")
        } catch {
            #expect(error.errors.map(\.pointer) == [pointer])
            #expect(error.errors.allSatisfy { $0.detail.contains(advice) })
        }
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
}
