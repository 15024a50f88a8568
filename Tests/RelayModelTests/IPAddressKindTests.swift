import Testing

@testable import RelayModel

/// What kind of address an address is, at the borders of each kind.
@Suite struct IPAddressKindTests {
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test(arguments: [
        ("223.255.255.255", false), ("224.0.0.0", true), ("239.255.255.255", true),
        ("240.0.0.0", false), ("feff::", false), ("ff00::", true), ("ffff::ffff", true),
        ("::ffff:224.0.0.1", false),
    ])
    func multicastIsOneBlockOfEachFamily(text: String, isMulticast: Bool) throws {
        #expect(try address(text).isMulticast == isMulticast)
    }

    @Test(arguments: [
        ("0.0.0.0", false), ("0.255.255.255", false), ("1.0.0.0", true), ("127.0.0.1", true),
        ("223.255.255.255", true), ("224.0.0.1", false), ("240.0.0.0", false),
        ("255.255.255.255", false), ("::", false), ("::1", true), ("fe80::1", true),
        ("ff02::1", false),
    ])
    func unicastIsWhatCanSend(text: String, isUnicast: Bool) throws {
        #expect(try address(text).isUnicast == isUnicast)
    }

    @Test(arguments: [
        ("126.255.255.255", false), ("127.0.0.0", true), ("127.255.255.255", true),
        ("128.0.0.0", false), ("::1", true), ("::", false), ("::2", false), ("1::1", false),
    ])
    func loopbackIsABlockInIPv4AndOneAddressInIPv6(text: String, isLoopback: Bool) throws {
        #expect(try address(text).isLoopback == isLoopback)
    }

    @Test(
        arguments: [
            ("ff01::1", 1), ("ff02::1", 2), ("ff12::1", 2), ("ff05::2", 5), ("ff0e::1", 14),
            ("ffff::", 15), ("fe02::1", nil), ("224.0.0.1", nil),
        ] as [(String, Int?)]
    )
    func onlyIPv6GroupsHaveAScope(text: String, scope: Int?) throws {
        #expect(try address(text).multicastScope == scope)
    }

    @Test(arguments: [
        ("fe7f::1", false), ("fe80::1", true), ("febf:ffff::", true), ("fec0::", false),
        ("ff02::1", true), ("ff32::1", true), ("ff03::1", false), ("224.0.0.1", false),
        ("169.254.0.1", false),
    ])
    func linkLocalIPv6NeedsAnInterface(text: String, needsInterface: Bool) throws {
        #expect(try address(text).needsInterface == needsInterface)
    }

    @Test func theWildcardOfEachFamilyIsUnspecified() throws {
        for family in [IPAddress.Family.ipv4, .ipv6] {
            #expect(IPAddress.unspecified(family).isUnspecified)
            #expect(IPAddress.unspecified(family).family == family)
        }
        #expect(try address("1::").isUnspecified == false)
        #expect(try address("0.0.0.1").isUnspecified == false)
    }

    @Test(arguments: [
        "192.168.10.2", "::1", "eth0", "a.b-c_1@if2", "123456789012345", "!", "~", "...",
    ])
    func anInterfaceIsSelectedByNameOrAddress(text: String) throws {
        let selector = try #require(InterfaceSelector(text))
        #expect(selector.description == text)
        if let address = IPAddress(text) {
            #expect(selector == .address(address))
        } else {
            #expect(selector == .name(text))
        }
    }

    @Test(arguments: [
        "", "1234567890123456", "a/b", "a b", "a\tb", "eth0\n", "eth0:1", "é", ".", "..", "\u{7F}",
        "fe80::1%lo", "2001:db8::1/64",
    ])
    func whatTheKernelTakesForNoNameSelectsNoInterface(text: String) {
        #expect(InterfaceSelector(text) == nil)
    }

    @Test func anInterfacePrefersAnAddressThatMeansSomethingElsewhere() throws {
        let addresses = try ["fe80::1", "2001:db8::1", "192.0.2.1"].map {
            NetworkInterface.Address(address: try address($0), prefixLength: 24, broadcast: nil)
        }
        func interface(_ addresses: [NetworkInterface.Address]) -> NetworkInterface {
            NetworkInterface(name: "eth0", index: 2, flags: .up, mtu: 1500, addresses: addresses)
        }
        #expect(interface(addresses).address(of: .ipv6) == addresses[1].address)
        #expect(interface(addresses).address(of: .ipv4) == addresses[2].address)
        #expect(interface([addresses[0]]).address(of: .ipv6) == addresses[0].address)
        #expect(interface([addresses[0]]).address(of: .ipv4) == nil)
    }
}
