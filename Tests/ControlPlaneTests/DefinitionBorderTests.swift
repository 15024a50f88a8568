import Testing

@testable import ControlPlane
@testable import RelayModel

/// The limits of the fields of a definition, on both sides.
@Suite struct DefinitionBorderTests {
    @Test(arguments: [
        (Minimal.peer, "ttl", 1, 255), (Minimal.peer, "requireSourcePort", 0, 65_535),
        (Minimal.sender, "localPort", 0, 65_535), (Minimal.broadcastSender, "localPort", 0, 65_535),
        (Minimal.receiver, "recentPackets", 0, 4096), (Minimal.receiver, "snapLength", 0, 65_535),
        (Minimal.receiver, "receiveBufferBytes", 2048, 268_435_456),
        (#""kind":"broadcast""#, "port", 1, 65_535),
        (Minimal.sender, "loopGuardMilliseconds", 0, 60_000),
        (Minimal.broadcastReceiver, "coalesceMicroseconds", 0, 5000),
        (Minimal.sender, "dscp", 0, 63), (Minimal.broadcast, "dscp", 0, 63),
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
}
