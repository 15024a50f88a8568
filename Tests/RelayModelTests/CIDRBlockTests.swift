import Testing

@testable import RelayModel

/// Blocks of addresses at their borders.
@Suite struct CIDRBlockTests {
    private func block(_ text: String) throws -> CIDRBlock { try #require(CIDRBlock(text)) }

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test(arguments: [
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
        ("255.255.255.255/0", "0.0.0.0", "255.255.255.255"),
        ("128.0.0.0/1", "128.0.0.0", "255.255.255.255"),
        ("10.0.0.0/8", "10.0.0.0", "10.255.255.255"),
        ("192.168.10.0/24", "192.168.10.0", "192.168.10.255"),
        ("192.168.10.77/24", "192.168.10.0", "192.168.10.255"),
        ("192.0.2.6/31", "192.0.2.6", "192.0.2.7"), ("192.0.2.7/32", "192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("8000::/1", "8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fe80::/10", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::2/63", "2001:db8::", "2001:db8:0:1:ffff:ffff:ffff:ffff"),
        ("2001:db8:0:1::/64", "2001:db8:0:1::", "2001:db8:0:1:ffff:ffff:ffff:ffff"),
        ("2001:db8:0:1::/65", "2001:db8:0:1::", "2001:db8:0:1:7fff:ffff:ffff:ffff"),
        ("2001:db8:0:1:8000::/65", "2001:db8:0:1:8000::", "2001:db8:0:1:ffff:ffff:ffff:ffff"),
        ("::2/127", "::2", "::3"), ("::2/128", "::2", "::2"), ("::2", "::2", "::2"),
    ])
    func aBlockReachesFromItsFirstToItsLastAddress(text: String, first: String, last: String) throws
    {
        let block = try block(text)
        let (first, last) = (try address(first), try address(last))
        #expect(block.contains(first))
        #expect(block.contains(last))
        if let below = Self.neighbour(of: first, by: -1) { #expect(!block.contains(below)) }
        if let above = Self.neighbour(of: last, by: 1) { #expect(!block.contains(above)) }
    }

    /// The address before or after; nil at the end of the address space.
    private static func neighbour(of address: IPAddress, by step: Int) -> IPAddress? {
        if address.family == .ipv4 {
            return UInt32(exactly: Int(address.low) + step).map(IPAddress.init(ipv4:))
        }
        let value = UInt128(address.high) << 64 | UInt128(address.low)
        let (moved, isOutside) =
            step < 0
            ? value.subtractingReportingOverflow(1) : value.addingReportingOverflow(1)
        if isOutside { return nil }
        return IPAddress(ipv6High: UInt64(moved >> 64), low: UInt64(truncatingIfNeeded: moved))
    }

    @Test func noBlockReachesIntoTheOtherFamily() throws {
        #expect(try !block("0.0.0.0/0").contains(address("::")))
        #expect(try !block("::/0").contains(address("0.0.0.0")))
        #expect(try !block("192.0.2.0/24").contains(address("::ffff:192.0.2.1")))
        #expect(try !block("::ffff:192.0.2.0/120").contains(address("192.0.2.1")))
        #expect(try block("::ffff:192.0.2.0/120").contains(address("::ffff:192.0.2.1")))
    }

    @Test(arguments: [
        "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08",
        "10.0.0.0/00", "10.0.0.0/8 ", "10.0.0.0 /8", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0",
        "10.0.0/8",
        "10/8", "::/129", "::/0128", "::/1000", "::/x", "::/٣", "host/8", "10.0.0.0:255.0.0.0",
    ])
    func anythingElseIsNoBlock(text: String) {
        #expect(CIDRBlock(text) == nil)
    }

    @Test func aPrefixIsNoLongerThanTheAddress() throws {
        for (text, width) in [("10.0.0.0", 32), ("::", 128)] {
            let address = try address(text)
            #expect(CIDRBlock(address, prefixLength: width) != nil)
            #expect(CIDRBlock(address, prefixLength: 0) != nil)
            #expect(CIDRBlock(address, prefixLength: width + 1) == nil)
            #expect(CIDRBlock(address, prefixLength: -1) == nil)
        }
    }

    @Test func aBlockIsWrittenAsItWasRead() throws {
        #expect(try block("192.0.2.7").description == "192.0.2.7")
        #expect(try block("192.0.2.7/32").description == "192.0.2.7/32")
        #expect(try block("2001:DB8::1").description == "2001:db8::1")
        #expect(try block("10.1.2.3/8").description == "10.1.2.3/8")
    }

    /// The mask of every prefix length against the definition: equal in the first bits.
    @Test func everyPrefixLengthComparesThatManyBits() throws {
        var generator = SplitMix64(seed: 4632)
        for length in 0...128 {
            let base = UInt128(generator.next()) << 64 | UInt128(generator.next())
            let block = try #require(CIDRBlock(Self.ipv6(base), prefixLength: length))
            for bit in 0..<128 {
                let flipped = Self.ipv6(base ^ 1 << UInt128(127 - bit))
                #expect(block.contains(flipped) == (bit >= length), "/\(length), bit \(bit)")
            }
        }
        for length in 0...32 {
            let base = UInt32(truncatingIfNeeded: generator.next())
            let block = try #require(CIDRBlock(IPAddress(ipv4: base), prefixLength: length))
            for bit in 0..<32 {
                let flipped = IPAddress(ipv4: base ^ 1 << UInt32(31 - bit))
                #expect(block.contains(flipped) == (bit >= length), "/\(length), bit \(bit)")
            }
        }
    }

    private static func ipv6(_ bits: UInt128) -> IPAddress {
        IPAddress(ipv6High: UInt64(bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }
}
