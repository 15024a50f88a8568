import Testing

@testable import ControlPlane
@testable import HTTPHosting
@testable import RelayModel

/// What a session forwards is shown with its defaults, and means the same when it is read again.
@Suite struct ForwardRoundTripTests {
    private func json(_ definition: SessionDefinition) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.members(of: definition)
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// What is shown of a target.
    private func shown(_ target: String) throws -> String {
        let definition = try decode(#"{\#(Minimal.receiver),"forward":[\#(target)]}"#)
        let text = json(definition)
        #expect(try decode(text) == definition)
        #expect(json(try decode(text)) == text)
        let members = try #require(text.split(separator: #","forward":["#).last)
        return String(try #require(members.split(separator: #"],"loopGuard"#).first))
    }

    @Test func theDefaultsOfATargetAreFilledIn() throws {
        #expect(
            try shown(#"{"session":"b"}"#)
                == #"{"session":"b","ttlMode":"fixed","sampleOneIn":1,"allow":[],"deny":[]}"#
        )
        let rest =
            #""dscp":0,"localPort":0,"loopback":true,"sourceMode":"own","ttlMode":"fixed","#
            + #""sampleOneIn":1,"allow":[],"deny":[]}"#
        #expect(
            try shown(#"{"address":"10.0.0.1","port":9}"#)
                == #"{"address":"10.0.0.1","port":9,"ttl":64,"# + rest
        )
        for address in ["239.1.2.3", "255.255.255.255", "ff05::1"] {
            #expect(
                try shown(#"{"address":"\#(address)","port":9}"#)
                    == #"{"address":"\#(address)","port":9,"ttl":1,"# + rest
            )
        }
    }

    @Test func whatIsDecrementedShowsItsThreshold() throws {
        #expect(
            try shown(#"{"address":"10.0.0.1","port":9,"ttlMode":"decrement"}"#)
                == #"{"address":"10.0.0.1","port":9,"dscp":0,"localPort":0,"loopback":true,"#
                + #""sourceMode":"own","ttlMode":"decrement","ttlThreshold":1,"sampleOneIn":1,"#
                + #""allow":[],"deny":[]}"#
        )
    }

    @Test func everythingSurvives() throws {
        let target =
            #"{"address":"ff02::1","port":9,"interface":"eth1","ttl":4,"dscp":46,"localPort":0,"#
            + #""loopback":false,"sourceMode":"own","#
            + #""mapReplies":{"lifetimeSeconds":1,"askersMax":2},"ttlMode":"fixed","#
            + #""sampleOneIn":3,"allow":["10.0.0.0/8"],"deny":["10.0.0.1","fd00::/8"],"#
            + #""limits":{"datagramsPerSecond":4,"bytesPerSecond":5,"burstMilliseconds":6},"#
            + #""chaos":{"seed":9007199254740991,"lossPercent":0.1,"duplicatePercent":12.5,"#
            + #""reorderPercent":100.0,"delayMilliseconds":7,"jitterMilliseconds":6,"#
            + #""datagramsPerSecondMax":8}}"#
        #expect(try shown(target) == target)
        let preserving =
            #"{"address":"10.0.0.1","port":9,"ttl":4,"localPort":7,"loopback":true,"#
            + #""sourceMode":"preserve","dscp":"preserve","ttlMode":"fixed","sampleOneIn":1,"#
            + #""allow":[],"deny":[]}"#
        #expect(try shown(preserving) == preserving)
    }

    @Test func theDefaultsOfMappingsLimitsAndChaosAreFilledIn() throws {
        let target =
            #"{"address":"10.0.0.1","port":9,"mapReplies":{},"limits":{"bytesPerSecond":5},"#
            + #""chaos":{"lossPercent":-0}}"#
        let text = try shown(target)
        #expect(text.contains(#""mapReplies":{"lifetimeSeconds":30,"askersMax":64}"#))
        #expect(text.contains(#""limits":{"bytesPerSecond":5,"burstMilliseconds":1000}"#))
        #expect(
            text.contains(
                #""chaos":{"lossPercent":0.0,"duplicatePercent":0.0,"reorderPercent":0.0,"#
                    + #""delayMilliseconds":0,"jitterMilliseconds":0}"#
            )
        )
    }

    @Test func sessionsWithoutForwardingSaySo() throws {
        for minimal in Minimal.all {
            let text = json(try decode("{\(minimal)}"))
            let members =
                #""forward":[],"loopGuardMilliseconds":1000,"coalesceMicroseconds":0"#
            #expect(text.contains(members))
        }
    }
}
