import RelayModel
import Testing

@testable import RelayEngine

/// Which interface an answer leaves by: 1 and 2 are in the same network, 3 in another.
@Suite struct OnLinkNetworksTests {
    private let networks = OnLinkNetworks([
        interface(1, ["169.254.1.1/16", "fd77::1/64", "192.168.10.1/24", "192.168.10.9/24"]),
        interface(2, ["169.254.2.1/16", "fd77::2/64", "10.0.0.1/32"]),
        interface(3, ["192.168.30.1/24", "fe80::3/64"]),
    ])

    private static func interface(
        _ index: Int32,
        _ blocks: [String],
        _ flags: NetworkInterface.AddressFlags = []
    ) -> NetworkInterface {
        let addresses = blocks.map { text in
            let block = CIDRBlock(text)!
            return NetworkInterface.Address(
                address: block.address,
                prefixLength: block.prefixLength,
                broadcast: block.prefixLength == 24
                    ? IPAddress(ipv4: UInt32(truncatingIfNeeded: block.address.low | 0xFF)) : nil,
                flags: flags
            )
        }
        return NetworkInterface(
            name: "eth\(index)",
            index: index,
            flags: [.up],
            mtu: 1500,
            addresses: addresses
        )
    }

    @Test(arguments: [
        // A neighbour on the link of its question, whichever the route would name.
        ("169.254.9.9", 1, 1), ("169.254.9.9", 2, 2), ("fd77::9", 1, 1), ("fd77::9", 2, 2),
        ("192.168.10.2", 1, 1), ("192.168.30.2", 3, 3),
        // Routed to, from another network or by another interface.
        ("10.1.2.3", 1, 0), ("192.168.10.2", 3, 0), ("2001:db8::1", 1, 0), ("10.0.0.2", 2, 0),
        // This host itself, by whichever of its addresses.
        ("169.254.2.1", 1, 0), ("192.168.10.9", 1, 0), ("fd77::1", 1, 0), ("10.0.0.1", 2, 0),
        // By an interface that is not known.
        ("192.168.10.2", 0, 0), ("192.168.10.2", 7, 0),
    ])
    func neighboursAreAnsweredByTheLinkOfTheirQuestion(
        asker: String,
        index: Int32,
        answeredBy: Int32
    ) throws {
        let asker = Endpoint(try #require(IPAddress(asker)), port: 5)
        #expect(networks.interface(toAnswer: asker, askedBy: index) == answeredBy)
    }

    @Test func aLinkLocalSenderIsAnsweredByItsScope() throws {
        let address = try #require(IPAddress("fe80::9"))
        let asker = Endpoint(address, port: 5, scopeID: 3)
        #expect(networks.interface(toAnswer: asker, askedBy: 3) == 3)
        #expect(OnLinkNetworks().interface(toAnswer: asker, askedBy: 3) == 3)
    }

    /// Over IPv6 the kernel holds to the interface only where no source is named.
    @Test(arguments: [
        ("fd77::1", 1, nil), ("fd77::1", 0, "fd77::1"), ("fd77::2", 1, "fd77::2"),
        ("169.254.1.1", 1, "169.254.1.1"), ("fe80::3", 3, "fe80::3"), (nil, 1, nil),
    ])
    func theOnlyIPv6AddressOfALinkNeedNotBeNamed(
        asked: String?,
        index: Int32,
        named: String?
    ) throws {
        let address = asked.flatMap { IPAddress($0) }
        let neighbour = try #require(IPAddress("fd77::9"))
        let source = networks.source(address, toAnswer: neighbour, by: index)
        #expect(source?.description == named)
        let linkLocal = try #require(IPAddress("fe80::9"))
        #expect(networks.source(address, toAnswer: linkLocal, by: index) == address)
    }

    /// Nobody else is in the network, so the kernel has no other way, and an address that comes later
    /// is not taken for the one that was asked.
    @Test(arguments: ["fd78::/16", "fd77:1::/32", "fe80::/64"])
    func ofANetworkOfOneLinkTheAskedAddressIsNamed(other: String) throws {
        let networks = OnLinkNetworks([
            Self.interface(1, ["fd77:1::1/64", "fe80::1/64"]),
            Self.interface(2, [other]),
        ])
        let address = try #require(IPAddress("fd77:1::1"))
        let neighbour = try #require(IPAddress("fd77:1::9"))
        let source = networks.source(address, toAnswer: neighbour, by: 1)
        // The wider network has the neighbour as well.
        #expect(source == (other == "fd77:1::/32" ? nil : address))
    }

    @Test func theOtherEndOfALinkIsANeighbourOnThatLink() throws {
        let peer = try #require(IPAddress("10.66.9.2"))
        let networks = OnLinkNetworks(
            try [1, 2].map { index in
                NetworkInterface(
                    name: "ppp\(index)",
                    index: index,
                    flags: [.up, .pointToPoint],
                    mtu: 1500,
                    addresses: [
                        NetworkInterface.Address(
                            address: try #require(IPAddress("10.66.\(index).1")),
                            prefixLength: 32,
                            broadcast: nil,
                            peer: peer
                        )
                    ]
                )
            }
        )
        for index in [1, 2] as [Int32] {
            let asker = Endpoint(peer, port: 5)
            #expect(networks.interface(toAnswer: asker, askedBy: index) == index)
        }
    }

    @Test func ofSeveralIPv6AddressesTheAskedOneIsNamed() throws {
        let networks = OnLinkNetworks([Self.interface(1, ["fd77::1/64", "fd77::5/64"])])
        let address = try #require(IPAddress("fd77::1"))
        let neighbour = try #require(IPAddress("fd77::9"))
        #expect(networks.source(address, toAnswer: neighbour, by: 1) == address)
    }

    @Test func anAddressThatTheKernelWouldNotTakeIsNamed() throws {
        let address = try #require(IPAddress("fd77::1"))
        let neighbour = try #require(IPAddress("fd77::9"))
        for flags in [NetworkInterface.AddressFlags.deprecated, .tentative, .duplicate] {
            let networks = OnLinkNetworks([Self.interface(1, ["fd77::1/64"], flags)])
            #expect(networks.source(address, toAnswer: neighbour, by: 1) == address)
        }
    }

    @Test func broadcastAddressesAreKnown() throws {
        for (text, isBroadcast) in [
            ("255.255.255.255", true), ("192.168.10.255", true), ("192.168.30.255", true),
            ("192.168.10.1", false), ("10.255.255.255", false),
        ] {
            #expect(networks.isBroadcast(try #require(IPAddress(text))) == isBroadcast)
        }
    }
}
