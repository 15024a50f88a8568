import Testing

@testable import RelayModel

/// Reading addresses (RFC 4291 section 2.2) and writing them (RFC 5952).
@Suite struct IPAddressTextTests {
    @Test(
        arguments: [
            ("0.0.0.0", 0x0000_0000), ("127.0.0.1", 0x7F00_0001), ("192.168.10.2", 0xC0A8_0A02),
            ("239.1.2.3", 0xEF01_0203), ("255.255.255.255", 0xFFFF_FFFF),
            ("1.20.100.249", 0x0114_64F9),
        ] as [(String, UInt32)]
    )
    func aDottedQuadIsReadAndWritten(text: String, bits: UInt32) {
        #expect(IPAddress(text) == IPAddress(ipv4: bits))
        #expect(IPAddress(ipv4: bits).description == text)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.256", "1.2.3.-4",
        "1.2.3.+4",
        "01.2.3.4", "1.2.3.00", "1.2.3.1000", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/8", "0x1.2.3.4",
        "1.2.3.a",
        "1,2,3,4", "١.2.3.4", "1.2.3.4\0", "2130706433",
    ])
    func anythingElseIsNoIPv4Address(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(
        arguments: [
            ("::", 0, 0), ("::1", 0, 1), ("1::", 0x0001_0000_0000_0000, 0),
            ("ff02::4242", 0xFF02_0000_0000_0000, 0x4242),
            ("2001:db8::1", 0x2001_0DB8_0000_0000, 1),
            ("2001:DB8:0:0:8:800:200C:417A", 0x2001_0DB8_0000_0000, 0x0008_0800_200C_417A),
            ("1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004, 0x0005_0006_0007_0008),
            ("1:2:3:4:5:6:7::", 0x0001_0002_0003_0004, 0x0005_0006_0007_0000),
            ("::2:3:4:5:6:7:8", 0x0000_0002_0003_0004, 0x0005_0006_0007_0008),
            ("1:2:3::5:6:7:8", 0x0001_0002_0003_0000, 0x0005_0006_0007_0008),
            ("0001:0:00:000:0000:0:0:0a", 0x0001_0000_0000_0000, 0xA),
            ("::192.168.10.2", 0, 0xC0A8_0A02), ("::ffff:192.0.2.1", 0, 0xFFFF_C000_0201),
            ("64:ff9b::192.0.2.33", 0x0064_FF9B_0000_0000, 0xC000_0221),
            ("1:2:3:4:5:6:192.0.2.33", 0x0001_0002_0003_0004, 0x0005_0006_C000_0221),
            ("1:2:3:4:5::192.0.2.33", 0x0001_0002_0003_0004, 0x0005_0000_C000_0221),
            ("FFFF:ffff:FFFF:ffff:FFFF:ffff:255.255.255.255", .max, .max),
        ] as [(String, UInt64, UInt64)]
    )
    func everyFormOfIPv6AddressIsRead(text: String, high: UInt64, low: UInt64) {
        #expect(IPAddress(text) == IPAddress(ipv6High: high, low: low))
    }

    @Test(arguments: [
        ":", ":::", "::::", "1", "1:", ":1", "1:2", "1::2::3", "::1::", "1:::2", ":1::", "1::2:",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", "::1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8::", "12345::", "g::", "::-1", "::+1", "fe80::1%lo", "[::1]", "::1/128",
        " ::1", "::1 ",
        "::1.2.3", "::1.2.3.4.5", "::256.0.0.1", "::01.2.3.4", "1.2.3.4::", "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:1.2.3.4", "1:2:3:4:5:6::1.2.3.4.", "::\u{FF11}", "::1\0",
        "0000:0000:0000:0000:0000:0000:255.255.255.2555",
    ])
    func anythingElseIsNoIPv6Address(text: String) {
        #expect(IPAddress(text) == nil)
    }

    /// `::` may stand for a single group of zeros when it is read (RFC 4291), so here it may stand
    /// for none of the six groups before a dotted quad: there is no group left for it.
    @Test func aGapStandsForAtLeastOneGroup() {
        #expect(IPAddress("1:2:3:4:5:6::1.2.3.4") == nil)
        #expect(IPAddress("1:2:3:4:5:6:7:8") != nil)
        #expect(IPAddress("1:2:3:4:5:6:7::8") == nil)
    }

    @Test(arguments: [
        ("2001:DB8::1", "2001:db8::1"), ("2001:0db8::0001", "2001:db8::1"),
        ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),
        // Section 4.2.2: one group of zeros is not shortened.
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        // Section 4.2.3: the longest run, and of two equal ones the first.
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("0:0:0:1:0:0:0:0", "0:0:0:1::"), ("0:0:1:0:0:1:0:0", "::1:0:0:1:0:0"),
        ("0:0:0:0:0:0:0:0", "::"), ("0:0:0:0:0:0:0:1", "::1"), ("1:0:0:0:0:0:0:0", "1::"),
        // Section 5 leaves the embedded dotted quad to those who know the prefix.
        ("::ffff:192.0.2.1", "::ffff:c000:201"), ("::192.0.2.1", "::c000:201"),
        ("::fffe:c000:201", "::fffe:c000:201"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
    ])
    func theCanonicalFormIsWritten(text: String, canonical: String) throws {
        #expect(try #require(IPAddress(text)).description == canonical)
        #expect(IPAddress(canonical) == IPAddress(text))
    }

    @Test func whatIsWrittenIsReadBackAsTheSameAddress() {
        var generator = SplitMix64(seed: 5952)
        for _ in 0..<10_000 {
            let address = Self.randomAddress(using: &generator)
            #expect(IPAddress(address.description) == address)
        }
    }

    /// An address of either family whose groups are often zero, so that gaps of every length and
    /// place occur.
    private static func randomAddress(using generator: inout SplitMix64) -> IPAddress {
        let bits = generator.next()
        if bits & 7 == 0 { return IPAddress(ipv4: UInt32(truncatingIfNeeded: generator.next())) }
        var halves: [UInt64] = []
        for half in 0..<2 {
            var mask: UInt64 = 0
            for group in 0..<4 where bits >> UInt64(8 + half * 4 + group) & 1 == 1 {
                mask |= 0xFFFF << UInt64(16 * group)
            }
            halves.append(generator.next() & mask >> (bits >> 60))
        }
        return IPAddress(ipv6High: halves[0], low: halves[1])
    }

    @Test func aMappedAddressIsNoIPv4Address() {
        #expect(IPAddress("::ffff:192.0.2.1") != IPAddress("192.0.2.1"))
        #expect(IPAddress("::192.0.2.1") != IPAddress("192.0.2.1"))
        #expect(IPAddress("::") != IPAddress("0.0.0.0"))
    }

    @Test func anEndpointPutsAnIPv6AddressInBrackets() throws {
        let ipv4 = Endpoint(try #require(IPAddress("192.0.2.1")), port: 5004)
        let ipv6 = Endpoint(try #require(IPAddress("2001:db8::1")), port: 65_535)
        #expect(ipv4.description == "192.0.2.1:5004")
        #expect(ipv6.description == "[2001:db8::1]:65535")
    }

    @Test func endpointsOnDifferentLinksDiffer() throws {
        let address = try #require(IPAddress("fe80::1"))
        #expect(Endpoint(address, port: 1, scopeID: 2) != Endpoint(address, port: 1, scopeID: 3))
        #expect(Endpoint(address, port: 1) == Endpoint(address, port: 1, scopeID: 0))
    }
}
