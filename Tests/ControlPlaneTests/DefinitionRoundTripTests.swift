import Testing

@testable import ControlPlane
@testable import HTTPHosting
@testable import RelayModel

/// A definition that is written as JSON and read again is the same definition.
@Suite struct DefinitionRoundTripTests {
    /// What the API shows and the store keeps.
    private func json(_ definition: SessionDefinition) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.members(of: definition)
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func expectRoundTrip(
        _ definition: SessionDefinition,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let text = json(definition)
        #expect(try decode(text) == definition, sourceLocation: sourceLocation)
        #expect(json(try decode(text)) == text, sourceLocation: sourceLocation)
    }

    @Test(arguments: Minimal.all) func theDefaultsSurvive(minimal: String) throws {
        try expectRoundTrip(try decode("{\(minimal)}"))
    }

    /// Every field set to something else than its default.
    static let common = #"""
        "name":"cam-1.x_y","port":65535,"interface":"lo",
        "allow":["10.0.0.0/8","fd00::/64","192.0.2.1"],
        "deny":["10.9.9.77/24"],"requireSourcePort":4000,"accept":["unicast","broadcast"],
        "recentPackets":0,
        "snapLength":65535,"recordDSCP":true,"receiveBufferBytes":2048,"whenUnavailable":"wait",
        "enabled":false,"persist":false,
        "labels":{"a":"1","b.c/d_e-f":""},
        "forward":[{"session":"b"}],"loopGuardMilliseconds":0,"coalesceMicroseconds":"adaptive",
        "limits":{"bytesPerSecond":1,"burstMilliseconds":2},
        "annotations":{"note":"\" \\ / \b\f\n\r\t \u0000 \u001f \u007f é 日本 😀"}
        """#

    @Test(arguments: [
        #""kind":"multicast-sender","group":"239.1.2.3","ttl":255,"dscp":63,"localPort":6000"#,
        #""kind":"multicast-receiver","group":"232.1.2.3","sources":["10.0.0.5","10.0.0.6"],"#
            + #""exclusive":true,"#
            + #""reply":{"text":"hi \"x\"\n","to":"destination","ttl":255,"perSecondMax":1}"#,
        #""kind":"multicast-receiver","group":"ff3e::8000:1","sources":["2001:db8::1"],"#
            + #""reply":{"base64":"AP+A"}"#,
        #""kind":"multicast-receiver","group":"ff05::1","#
            + #""reply":{"template":"{{{hostname}}} {source.port}","perSecondMax":1000000}"#,
        #""kind":"multicast-peer","group":"ff02::4242","sources":["fe80::1"],"#
            + #""receiveOwn":true,"loopback":false,"ttl":2,"dscp":1,"exclusive":true"#,
        #""kind":"broadcast","role":"sender","address":"255.255.255.255","#
            + #""ttl":3,"dscp":46,"localPort":65535"#,
        #""kind":"broadcast","role":"receiver","reply":{"text":""}"#,
        #""kind":"broadcast","role":"peer","address":"127.255.255.255","receiveOwn":true,"ttl":4"#,
    ])
    func everyFieldSurvives(members: String) throws {
        let definition = try decode("{\(Self.common),\(members)}")
        try expectRoundTrip(definition)
        let defaults = SessionDefinition(
            name: definition.name,
            kind: definition.kind,
            role: definition.role,
            group: definition.group,
            port: definition.port
        )
        let kept = json(definition).split(separator: ",\"").count
        #expect(kept > json(defaults).split(separator: ",\"").count)
        #expect(definition.annotations["note"]?.unicodeScalars.contains("\0") == true)
        #expect(definition.accept == [.broadcast, .unicast])
        #expect(definition.snapLength == 65_535 && definition.receiveBufferBytes == 2048)
        #expect(!definition.enabled && !definition.persist && definition.whenUnavailable == .wait)
        #expect(definition.allow.map(\.description) == ["10.0.0.0/8", "fd00::/64", "192.0.2.1"])
    }

    @Test func everyFieldThatAppliesIsShown() throws {
        for minimal in Minimal.all {
            var definition = try decode("{\(minimal)}")
            definition.interface = .name("lo")
            definition.receiveBufferBytes = 4096
            definition.limits = TrafficLimits(datagramsPerSecond: 1)
            let reply = Reply(.text("x"))
            func has(_ field: SessionField) -> Bool {
                field.applies(to: definition.kind, role: definition.role)
            }
            if has(.reply) { definition.reply = reply }
            if has(.sources) { definition.sources = [IPAddress(ipv4: 0x0A00_0001)] }
            if has(.address) { definition.address = .limitedBroadcast }
            guard case .object(let members) = try JSONValue(parsing: Array(json(definition).utf8))
            else {
                Issue.record("no object")
                return
            }
            #expect(Set(members.keys) == Set(SessionField.allCases.filter(has).map(\.rawValue)))
        }
    }

    @Test func whatIsNotSetIsLeftOut() throws {
        for minimal in Minimal.all {
            guard
                case .object(let members) = try JSONValue(
                    parsing: Array(json(decode("{\(minimal)}")).utf8)
                )
            else { return }
            for field in [
                "interface", "sources", "reply", "receiveBufferBytes", "address", "limits",
            ] {
                #expect(members[field] == nil)
            }
        }
    }
}
