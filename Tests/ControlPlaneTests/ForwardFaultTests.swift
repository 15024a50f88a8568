import Testing

@testable import ControlPlane
@testable import RelayModel

/// What a session may forward, with the code and the pointers that a client is told.
@Suite struct ForwardFaultTests {
    /// What is wrong with a session that has this target only.
    private func faults(ofTarget target: String, _ minimal: String = Minimal.receiver) -> Faults? {
        faults(in: #"{\#(minimal),"forward":[\#(target)]}"#)
    }

    private func faults(in text: String) -> Faults? { ControlPlaneTests.faults(in: text) }

    @Test(arguments: [
        #"{"session":"b"}"#,
        #"{"session":"b","ttlMode":"decrement","ttlThreshold":254,"sampleOneIn":1000000}"#,
        #"{"session":"b","ttlThreshold":1}"#,
        #"{"address":"10.0.0.1","port":1}"#,
        #"{"address":"239.1.2.3","port":65535,"interface":"eth1","ttl":255,"localPort":65535}"#,
        #"{"address":"255.255.255.255","port":9,"loopback":false,"sourceMode":"preserve"}"#,
        #"{"address":"ff02::1","port":9,"interface":"eth1","ttlMode":"decrement"}"#,
        #"{"address":"10.0.0.1","port":9,"mapReplies":{},"localPort":0,"sourceMode":"own"}"#,
        #"{"session":"b","limits":{"datagramsPerSecond":1},"chaos":{}}"#,
        #"{"session":"b","dscp":"preserve","allow":["10.0.0.0/8","fd00::1"],"deny":[]}"#,
        #"{"address":"10.0.0.1","port":9,"dscp":0}"#,
        #"{"address":"10.0.0.1","port":9,"dscp":63,"deny":["10.0.0.1/32"]}"#,
        #"{"address":"10.0.0.1","port":9,"dscp":"preserve","sourceMode":"preserve"}"#,
    ])
    func aTargetIsASessionOrAnAddress(target: String) {
        for minimal in Minimal.all { #expect(faults(ofTarget: target, minimal) == nil) }
    }

    @Test(
        arguments: [
            ("{}", "missing-field", [""]),
            (#"{"port":1}"#, "missing-field", [""]),
            (#"{"session":"b","address":"10.0.0.1","port":1}"#, "invalid-field", [""]),
            ("1", "invalid-field", [""]),
            ("null", "invalid-field", [""]),
            (#"{"session":"B"}"#, "invalid-field", ["/session"]),
            (#"{"session":1}"#, "invalid-field", ["/session"]),
            (#"{"address":"10.0.0.1"}"#, "missing-field", ["/port"]),
            (#"{"address":"10.0.0.1","port":0}"#, "invalid-field", ["/port"]),
            (#"{"address":"10.0.0.1","port":65536}"#, "invalid-field", ["/port"]),
            (#"{"address":"host","port":1}"#, "invalid-field", ["/address"]),
            (#"{"address":"0.0.0.0","port":1}"#, "invalid-field", ["/address"]),
            (#"{"address":"ff02::1","port":1}"#, "missing-field", ["/interface"]),
            (
                #"{"address":"10.0.0.1","port":1,"interface":"a/b"}"#, "invalid-field",
                ["/interface"]
            ),
            (#"{"address":"10.0.0.1","port":1,"ttl":0}"#, "invalid-field", ["/ttl"]),
            (#"{"address":"10.0.0.1","port":1,"ttl":256}"#, "invalid-field", ["/ttl"]),
            (
                #"{"address":"10.0.0.1","port":1,"ttl":1,"ttlMode":"decrement"}"#, "invalid-field",
                ["/ttl"]
            ),
            (
                #"{"address":"10.0.0.1","port":1,"localPort":65536}"#, "invalid-field",
                ["/localPort"]
            ),
            (#"{"address":"10.0.0.1","port":1,"loopback":1}"#, "invalid-field", ["/loopback"]),
            (
                #"{"address":"10.0.0.1","port":1,"sourceMode":"x"}"#, "invalid-field",
                ["/sourceMode"]
            ),
            (
                #"{"address":"fd00::1","port":1,"sourceMode":"preserve"}"#, "invalid-field",
                ["/sourceMode"]
            ),
            (
                #"{"address":"10.0.0.1","port":1,"sourceMode":"preserve","mapReplies":{}}"#,
                "invalid-field", ["/mapReplies"]
            ),
            (
                #"{"address":"10.0.0.1","port":1,"localPort":1,"mapReplies":{}}"#, "invalid-field",
                ["/localPort"]
            ),
            (#"{"session":"b","ttl":1}"#, "unknown-field", ["/ttl"]),
            (#"{"session":"b","dscp":0}"#, "invalid-field", ["/dscp"]),
            (#"{"session":"b","dscp":null}"#, "invalid-field", ["/dscp"]),
            (#"{"address":"10.0.0.1","port":1,"dscp":64}"#, "invalid-field", ["/dscp"]),
            (#"{"address":"10.0.0.1","port":1,"dscp":-1}"#, "invalid-field", ["/dscp"]),
            (#"{"address":"10.0.0.1","port":1,"dscp":1.5}"#, "invalid-field", ["/dscp"]),
            (#"{"address":"10.0.0.1","port":1,"dscp":"keep"}"#, "invalid-field", ["/dscp"]),
            (#"{"address":"10.0.0.1","port":1,"dscp":null}"#, "invalid-field", ["/dscp"]),
            (#"{"session":"b","allow":["10.0.0.1/33"]}"#, "invalid-field", ["/allow/0"]),
            (#"{"session":"b","allow":["::1","x"]}"#, "invalid-field", ["/allow/1"]),
            (#"{"session":"b","deny":["::1","::ffff:10.0.0.1"]}"#, "invalid-field", ["/deny/1"]),
            (#"{"session":"b","deny":"10.0.0.1"}"#, "invalid-field", ["/deny"]),
            (#"{"session":"b","deny":null}"#, "invalid-field", ["/deny"]),
            (#"{"session":"b","port":1}"#, "unknown-field", ["/port"]),
            (#"{"session":"b","loopback":true}"#, "unknown-field", ["/loopback"]),
            (#"{"session":"b","sourceMode":"own"}"#, "unknown-field", ["/sourceMode"]),
            (#"{"session":"b","mapReplies":{}}"#, "unknown-field", ["/mapReplies"]),
            (#"{"session":"b","a/b":1}"#, "unknown-field", ["/a~1b"]),
            (#"{"session":"b","ttlThreshold":2}"#, "invalid-field", ["/ttlThreshold"]),
            (
                #"{"session":"b","ttlMode":"fixed","ttlThreshold":254}"#, "invalid-field",
                ["/ttlThreshold"]
            ),
            (#"{"session":"b","ttlMode":"x","ttlThreshold":1}"#, "invalid-field", ["/ttlMode"]),
            (#"{"session":"b","ttlMode":null}"#, "invalid-field", ["/ttlMode"]),
            (#"{"session":"b","limits":{}}"#, "missing-field", ["/limits"]),
            (#"{"session":"b","limits":{"x":1}}"#, "unknown-field", ["/limits/x"]),
            (#"{"session":"b","chaos":{"x":1}}"#, "unknown-field", ["/chaos/x"]),
            (
                #"{"session":"b","chaos":{"jitterMilliseconds":1}}"#, "invalid-field",
                ["/chaos/jitterMilliseconds"]
            ),
            (
                #"{"session":"B","sampleOneIn":0,"limits":{"bytesPerSecond":0},"x":1}"#,
                "invalid-field", ["/limits/bytesPerSecond", "/sampleOneIn", "/session", "/x"]
            ),
        ] as [(String, String, [String])]
    )
    func anyOtherTargetIsRefused(target: String, code: String, pointers: [String]) {
        for (index, text) in [target, #"{"session":"good"},\#(target)"#].enumerated() {
            let found = faults(ofTarget: text)
            #expect(found?.code == code)
            #expect(found?.pointers == pointers.map { "/forward/\(index)\($0)" })
        }
    }

    @Test(arguments: [
        (#"{"session":"b","ttlMode":"decrement",*}"#, "ttlThreshold", "", 1, 254),
        (#"{"session":"b",*}"#, "sampleOneIn", "", 1, 1_000_000),
        (#"{"session":"b","limits":{*}}"#, "datagramsPerSecond", "limits/", 1, 10_000_000),
        (#"{"session":"b","limits":{*}}"#, "bytesPerSecond", "limits/", 1, 100_000_000_000),
        (
            #"{"session":"b","limits":{"bytesPerSecond":1,*}}"#, "burstMilliseconds", "limits/", 1,
            10_000
        ),
        (#"{"session":"b","chaos":{*}}"#, "seed", "chaos/", 0, 9_007_199_254_740_991),
        (#"{"session":"b","chaos":{*}}"#, "delayMilliseconds", "chaos/", 0, 60_000),
        (
            #"{"session":"b","chaos":{"delayMilliseconds":60000,*}}"#, "jitterMilliseconds",
            "chaos/", 0, 60_000
        ),
        (#"{"session":"b","chaos":{*}}"#, "datagramsPerSecondMax", "chaos/", 1, 1_000_000),
        (
            #"{"address":"10.0.0.1","port":9,"mapReplies":{*}}"#, "lifetimeSeconds", "mapReplies/",
            1, 3600
        ),
        (#"{"address":"10.0.0.1","port":9,"mapReplies":{*}}"#, "askersMax", "mapReplies/", 1, 1024),
    ])
    func aNumberIsAWholeOneInItsRange(
        target: String,
        member: String,
        parent: String,
        least: Int,
        most: Int
    ) {
        func found(_ value: String) -> Faults? {
            faults(ofTarget: target.replacing("*", with: "\"\(member)\":\(value)"))
        }
        for good in ["\(least)", "\(most)", "\(most).0"] { #expect(found(good) == nil, "\(good)") }
        for bad in ["\(least - 1)", "\(most + 1)", "\(least).5", "-1", quoted("1"), "null"] {
            #expect(
                found(bad) == Faults("invalid-field", "/forward/0/\(parent)\(member)"),
                "\(bad)"
            )
        }
    }

    @Test(arguments: ["lossPercent", "duplicatePercent", "reorderPercent"])
    func aPercentageIsANumberUpToAHundred(member: String) {
        func found(_ value: String) -> Faults? {
            faults(ofTarget: #"{"session":"b","chaos":{"\#(member)":\#(value)}}"#)
        }
        for good in ["0", "-0", "0.001", "12.5", "100"] { #expect(found(good) == nil, "\(good)") }
        for bad in ["-0.001", "100.001", "1e300", quoted("1"), "null"] {
            #expect(found(bad) == Faults("invalid-field", "/forward/0/chaos/\(member)"), "\(bad)")
        }
    }

    @Test func targetsAreBounded() {
        func targets(_ count: Int) -> String {
            (0..<count).map { #"{"session":"s\#($0)"}"# }.joined(separator: ",")
        }
        #expect(faults(ofTarget: targets(64)) == nil)
        #expect(faults(ofTarget: targets(65)) == Faults("invalid-field", "/forward"))
        #expect(faults(ofTarget: "") == nil)
    }

    /// Also in another spelling, and with the defaults written out.
    @Test func aDestinationIsGivenOnce() {
        let written = #"{"address":"FD00::0:1","port":1,"ttl":64,"localPort":0,"sampleOneIn":2}"#
        #expect(
            faults(ofTarget: #"{"address":"fd00::1","port":1},\#(written)"#)
                == Faults("invalid-field", "/forward/1")
        )
        #expect(
            faults(ofTarget: #"{"session":"a"},{"session":"b"},{"session":"a"}"#)
                == Faults("invalid-field", "/forward/2")
        )
    }

    @Test func aSessionHasLimitsOfItsOwn() {
        func limits(_ text: String) -> Faults? {
            faults(in: #"{\#(Minimal.sender),"limits":\#(text)}"#)
        }
        #expect(limits(#"{"bytesPerSecond":1}"#) == nil)
        #expect(limits("{}") == Faults("missing-field", "/limits"))
        #expect(limits(#"{"burstMilliseconds":1}"#) == Faults("missing-field", "/limits"))
        #expect(
            limits(#"{"datagramsPerSecond":0}"#)
                == Faults("invalid-field", "/limits/datagramsPerSecond")
        )
    }

    @Test func coalescingIsATimeOrAdaptive() throws {
        func coalescing(_ text: String) -> Faults? {
            faults(in: #"{\#(Minimal.peer),"coalesceMicroseconds":\#(text)}"#)
        }
        #expect(coalescing(quoted("adaptive")) == nil)
        for bad in [quoted("Adaptive"), quoted(""), "-1", "5001", "null", "true"] {
            #expect(coalescing(bad) == Faults("invalid-field", "/coalesceMicroseconds"))
        }
        let text = #"{\#(Minimal.peer),"coalesceMicroseconds":5e3}"#
        #expect(try decode(text).coalescing == .microseconds(5000))
    }

    @Test(arguments: ["allow", "deny"]) func theRulesOfATargetAreLimited(member: String) {
        func blocks(_ count: Int) -> String {
            let list = (0..<count).map { #""10.0.\#($0).0/24""# }.joined(separator: ",")
            return #"{"session":"b","\#(member)":[\#(list)]}"#
        }
        #expect(faults(ofTarget: blocks(64)) == nil)
        #expect(faults(ofTarget: blocks(65)) == Faults("invalid-field", "/forward/0/\(member)"))
    }

    @Test func aSessionThatPostsHasNothingToPreserve() throws {
        let text = #"{\#(Minimal.sender),"dscp":"preserve"}"#
        #expect(faults(in: text) == Faults("invalid-field", "/dscp"))
        #expect(throws: Problem.self) { try decode(text) }
    }
}
