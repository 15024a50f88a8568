import Testing

@testable import RelayModel

/// The rules between the fields of a definition, each on both sides of its border.
@Suite struct SessionViolationTests {
    private func definition(
        _ kind: SessionKind = .multicastReceiver,
        group: String? = "239.1.2.3"
    ) throws -> SessionDefinition {
        SessionDefinition(
            name: try #require(SessionName("cam1")),
            kind: kind,
            group: try group.map { try #require(IPAddress($0)) },
            port: 5004
        )
    }

    private func addresses(_ texts: String...) throws -> [IPAddress] {
        try texts.map { try #require(IPAddress($0)) }
    }

    @Test(arguments: [SessionKind.multicastSender, .multicastReceiver, .multicastPeer])
    func aMulticastKindNeedsAGroup(kind: SessionKind) throws {
        let violations = try definition(kind, group: nil).violations()
        #expect(violations.map(\.field) == [.group])
        #expect(violations.map(\.reason) == [.missing])
    }

    @Test func aBroadcastNeedsNoGroup() throws {
        #expect(try definition(.broadcast, group: nil).violations() == [])
    }

    @Test(arguments: [
        "224.0.0.1", "224.0.0.255", "232.0.0.1", "239.255.255.255", "ff03::", "ff05::1", "ff0e::1",
        "ff08::", "ff1e::1",
    ])
    func everyGroupThatLeavesTheInterfaceIsValid(group: String) throws {
        #expect(try definition(group: group).violations() == [])
    }

    @Test(arguments: [
        "0.0.0.0", "10.0.0.1", "223.255.255.255", "224.0.0.0", "240.0.0.0", "255.255.255.255", "::",
        "2001:db8::1", "ff00::1", "ff01::1", "ff11::1", "ff0f::1", "::ffff:239.1.2.3",
    ])
    func everyOtherAddressIsNoGroup(group: String) throws {
        let violations = try definition(group: group).violations()
        #expect(violations.map(\.field) == [.group])
        #expect(violations.map(\.reason) == [.invalid])
        #expect(violations.allSatisfy { $0.detail.contains(IPAddress(group)?.description ?? "?") })
    }

    @Test(arguments: ["ff02::1", "ff12::4242", "ff32::1"])
    func aLinkLocalGroupNeedsAnInterface(group: String) throws {
        var definition = try definition(group: group)
        #expect(definition.violations().map(\.field) == [.interface])
        #expect(definition.violations().map(\.reason) == [.missing])
        definition.interface = .name("lo")
        #expect(definition.violations() == [])
    }

    @Test func aSourceIsAUnicastAddressOfTheGroupsFamily() throws {
        var ipv4 = try definition()
        ipv4.sources = try addresses(
            "10.0.0.5",
            "2001:db8::1",
            "223.255.255.255",
            "224.0.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "1.0.0.0"
        )
        #expect(ipv4.violations().map(\.index) == [1, 3, 4, 5])
        #expect(ipv4.violations().allSatisfy { $0.field == .sources && $0.reason == .invalid })
        var ipv6 = try definition(group: "ff3e::8000:1")
        ipv6.sources = try addresses("2001:db8::1", "10.0.0.5", "::", "ff02::1", "fe80::1", "::1")
        #expect(ipv6.violations().map(\.index) == [1, 2, 3])
    }

    /// No datagram has such an address: a socket is of one family.
    @Test func iPv4MappedAddressesAreRefusedEverywhere() throws {
        let mapped = try #require(IPAddress("::ffff:10.0.0.1"))
        var definition = try definition(group: "ff05::1")
        definition.interface = .address(mapped)
        definition.sources = [mapped]
        definition.deny = try ["::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "::/0", "::ffff:0:0/95"]
            .map { try #require(CIDRBlock($0)) }
        definition.allow = definition.deny
        let fields: [SessionField] = [.interface, .sources, .allow, .allow, .deny, .deny]
        #expect(definition.violations().map(\.field) == fields)
        #expect(definition.violations().map(\.index) == [nil, 0, 0, 1, 0, 1])
        #expect(definition.violations()[0].detail.contains("write 10.0.0.1"))
        var target = ForwardTarget(.session(try #require(SessionName("b"))))
        (target.allow, target.deny) = (definition.allow, definition.deny)
        var relay = try self.definition(group: "ff05::1")
        relay.forward = [target]
        #expect(relay.violations().map(\.member) == ["allow/0", "allow/1", "deny/0", "deny/1"])
    }

    @Test func iPv6HasNoBroadcast() throws {
        var definition = try definition(group: "ff05::1")
        definition.accept = [.broadcast]
        #expect(definition.violations().map(\.field) == [.accept])
        // A list for every family is harmless.
        definition.accept = [.multicast, .broadcast]
        #expect(definition.violations() == [])
    }

    @Test func tenSourcesCanBeJoined() throws {
        var definition = try definition()
        definition.sources = (1...10).map { IPAddress(ipv4: 0x0A00_0000 + $0) }
        #expect(definition.violations() == [])
        definition.sources.append(IPAddress(ipv4: 0x0A00_00FF))
        #expect(definition.violations().map(\.field) == [.sources])
        #expect(definition.violations().map(\.index) == [nil])
    }

    @Test(arguments: [
        ("255.255.255.255", true), ("192.168.10.255", true), ("127.255.255.255", true),
        ("255.255.255.254", false), ("239.1.2.3", false), ("0.0.0.0", false), ("240.0.0.1", false),
        ("2001:db8::1", false), ("ff02::1", false),
    ])
    func aBroadcastGoesToALimitedOrDirectedAddress(text: String, isValid: Bool) throws {
        var definition = try definition(.broadcast, group: nil)
        let address = try #require(IPAddress(text))
        definition.address = address
        #expect(definition.violations().map(\.field) == (isValid ? [] : [.address]))
    }

    @Test func atLeastOneDestinationClassIsAccepted() throws {
        var definition = try definition()
        definition.accept = []
        #expect(definition.violations().map(\.field) == [.accept])
        definition.accept = [.broadcast]
        #expect(definition.violations() == [])
    }

    @Test func sixtyFourBlocksAreAllowedAndDenied() throws {
        let block = try #require(CIDRBlock("10.0.0.0/8"))
        var definition = try definition()
        definition.allow = Array(repeating: block, count: 64)
        definition.deny = definition.allow
        #expect(definition.violations() == [])
        definition.allow.append(block)
        #expect(definition.violations().map(\.field) == [.allow])
        definition.deny.append(block)
        #expect(definition.violations().map(\.field) == [.allow, .deny])
    }

    @Test func everyBrokenRuleIsReported() throws {
        var definition = try definition(group: "10.0.0.1")
        definition.sources = try addresses("::1")
        definition.accept = []
        #expect(definition.violations().map(\.field) == [.group, .sources, .accept])
    }
}
