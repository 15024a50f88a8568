import Testing

@testable import RelayModel

/// The rules of what a session forwards, each on both sides of its border.
@Suite struct ForwardViolationTests {
    private func definition(group: String = "239.1.2.3") throws -> SessionDefinition {
        SessionDefinition(
            name: try #require(SessionName("cam1")),
            kind: .multicastReceiver,
            group: IPAddress(group),
            port: 5004
        )
    }

    private func endpoint(_ address: String, port: UInt16 = 5004) throws -> ForwardEndpoint {
        ForwardEndpoint(try #require(IPAddress(address)), port: port)
    }

    /// What is wrong with one target of a session.
    private func faults(
        of target: ForwardTarget,
        group: String = "239.1.2.3"
    ) throws -> [String?] {
        var definition = try definition(group: group)
        definition.forward = [target]
        let violations = definition.violations()
        #expect(violations.allSatisfy { $0.field == .forward && $0.index == 0 })
        return violations.map(\.member)
    }

    private func faults(
        of endpoint: ForwardEndpoint,
        group: String = "239.1.2.3"
    ) throws -> [String?] {
        try faults(of: ForwardTarget(.endpoint(endpoint)), group: group)
    }

    @Test(arguments: [
        ("10.0.0.1", true), ("127.0.0.1", true), ("192.168.10.255", true),
        ("255.255.255.255", true), ("224.0.0.1", true), ("239.255.255.255", true), ("::1", true),
        ("fd00::1", true), ("ff05::1", true), ("ff0e::1", true),
        ("0.0.0.0", false), ("224.0.0.0", false), ("240.0.0.1", false), ("::", false),
        ("ff01::1", false), ("ff0f::1", false), ("ff00::1", false), ("::ffff:10.0.0.1", false),
    ])
    func aTargetIsAHostAGroupOrABroadcastAddress(address: String, isValid: Bool) throws {
        #expect(try faults(of: endpoint(address)) == (isValid ? [] : ["address"]))
    }

    @Test(arguments: ["fe80::1", "febf::1", "ff02::1", "ff12::1"])
    func aLinkLocalTargetNeedsItsInterface(address: String) throws {
        var target = try endpoint(address)
        #expect(try faults(of: target) == ["interface"])
        target.interface = .name("lo")
        #expect(try faults(of: target) == [])
    }

    @Test func aTTLIsNotForWhatIsDecremented() throws {
        var endpoint = try endpoint("10.0.0.1")
        endpoint.ttl = 4
        var target = ForwardTarget(.endpoint(endpoint))
        #expect(try faults(of: target) == [])
        target.ttlMode = .decrement
        #expect(try faults(of: target) == ["ttl"])
        endpoint.ttl = nil
        target.destination = .endpoint(endpoint)
        #expect(try faults(of: target) == [])
    }

    @Test func aSourceIsPreservedWithinItsFamily() throws {
        var target = try endpoint("10.0.0.1")
        target.sourceMode = .preserve
        #expect(try faults(of: target) == [])
        #expect(try faults(of: target, group: "ff05::1") == ["sourceMode"])
        target.address = try #require(IPAddress("fd00::1"))
        #expect(try faults(of: target) == ["sourceMode"])
        #expect(try faults(of: target, group: "ff05::1") == [])
        target.sourceMode = .own
        #expect(try faults(of: target) == [])
    }

    @Test func mappedRepliesComeToPortsOfThisHost() throws {
        var target = try endpoint("10.0.0.1")
        target.mapReplies = ReplyMapping()
        #expect(try faults(of: target) == [])
        target.localPort = 1
        #expect(try faults(of: target) == ["localPort"])
        target.sourceMode = .preserve
        #expect(try faults(of: target) == ["mapReplies", "localPort"])
    }

    @Test func jitterIsNotMoreThanTheDelay() throws {
        var target = ForwardTarget(.session(try #require(SessionName("b"))))
        var chaos = Chaos()
        chaos.delayMilliseconds = 10
        chaos.jitterMilliseconds = 10
        target.chaos = chaos
        #expect(try faults(of: target) == [])
        target.chaos?.jitterMilliseconds = 11
        #expect(try faults(of: target) == ["chaos/jitterMilliseconds"])
    }

    @Test func limitsNeedARate() throws {
        var target = ForwardTarget(.session(try #require(SessionName("b"))))
        target.limits = TrafficLimits(burstMilliseconds: 5)
        #expect(try faults(of: target) == ["limits"])
        var definition = try definition()
        definition.limits = target.limits
        #expect(definition.violations().map(\.field) == [.limits])
        #expect(definition.violations().map(\.reason) == [.missing])
        definition.limits?.bytesPerSecond = 1
        #expect(definition.violations() == [])
        definition.limits = TrafficLimits(datagramsPerSecond: 1)
        #expect(definition.violations() == [])
    }

    @Test func everyDestinationIsThereOnce() throws {
        var definition = try definition()
        var other = ForwardTarget(.session(try #require(SessionName("b"))))
        other.sampleOneIn = 2
        var elsewhere = try endpoint("10.0.0.1")
        elsewhere.interface = .name("eth1")
        definition.forward = [
            ForwardTarget(.session(try #require(SessionName("b")))),
            ForwardTarget(.endpoint(try endpoint("10.0.0.1"))),
            ForwardTarget(.endpoint(try endpoint("10.0.0.1", port: 5005))),
            ForwardTarget(.endpoint(elsewhere)),
        ]
        #expect(definition.violations() == [])
        definition.forward.append(other)
        definition.forward.append(ForwardTarget(.endpoint(elsewhere)))
        definition.forward.append(other)
        #expect(definition.violations().map(\.index) == [4, 5, 6])
        #expect(definition.violations().allSatisfy { $0.member == nil && $0.reason == .invalid })
        #expect(definition.violations()[2].detail.contains("target 0"))
    }

    @Test func sixtyFourTargetsAreForwardedTo() throws {
        var definition = try definition()
        definition.forward = try (1...64).map { port in
            ForwardTarget(.endpoint(try endpoint("10.0.0.1", port: UInt16(port))))
        }
        #expect(definition.violations() == [])
        definition.forward.append(ForwardTarget(.endpoint(try endpoint("10.0.0.1", port: 65))))
        #expect(definition.violations().map(\.field) == [.forward])
        #expect(definition.violations().map(\.index) == [nil])
    }
}
