/// A block of addresses in CIDR notation (RFC 4632, RFC 4291 section 2.3), socat's `range`.
package struct CIDRBlock: Hashable, Sendable {
    package let address: IPAddress
    /// 0–32 for IPv4, 0–128 for IPv6.
    package let prefixLength: Int

    /// Whether it was written without a prefix; it is shown as it was written.
    private let isBare: Bool
    @usableFromInline let highMask: UInt64
    @usableFromInline let lowMask: UInt64

    /// Returns nil when the prefix is longer than the address.
    package init?(_ address: IPAddress, prefixLength: Int) {
        self.init(address, prefixLength: prefixLength, isBare: false)
    }

    private init?(_ address: IPAddress, prefixLength: Int, isBare: Bool) {
        guard (0...address.bitWidth).contains(prefixLength) else { return nil }
        self.address = address
        self.prefixLength = prefixLength
        self.isBare = isBare
        switch address.family {
        case .ipv4:
            highMask = 0
            lowMask = 0xFFFF_FFFF & ~(0xFFFF_FFFF as UInt64 >> UInt64(prefixLength))
        case .ipv6:
            highMask = ~(UInt64.max >> UInt64(min(prefixLength, 64)))
            lowMask = ~(UInt64.max >> UInt64(max(prefixLength - 64, 0)))
        }
    }

    /// Parses `ADDRESS/PREFIX`, or a bare address as a block of one. Bits beyond the prefix are
    /// allowed and ignored, as in socat.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0]) else { return nil }
        guard parts.count == 2 else {
            self.init(address, prefixLength: address.bitWidth, isBare: true)
            return
        }
        let digits = parts[1].utf8
        guard (1...3).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }),
            digits.count == 1 || digits.first != 48, let length = Int(parts[1])
        else { return nil }
        self.init(address, prefixLength: length)
    }

    /// Whether the address is in the block; never across families.
    @inlinable
    @inline(__always)
    package func contains(_ candidate: IPAddress) -> Bool {
        candidate.family == address.family
            && (candidate.high ^ address.high) & highMask == 0
            && (candidate.low ^ address.low) & lowMask == 0
    }
}

extension CIDRBlock {
    /// The block by its first address, so that equal blocks are equal values.
    package var normalized: CIDRBlock {
        let first =
            address.family == .ipv4
            ? IPAddress(ipv4: UInt32(truncatingIfNeeded: address.low & lowMask))
            : IPAddress(ipv6High: address.high & highMask, low: address.low & lowMask)
        return CIDRBlock(first, prefixLength: prefixLength) ?? self
    }
}

extension CIDRBlock: CustomStringConvertible {
    package var description: String {
        isBare ? address.description : "\(address)/\(prefixLength)"
    }
}

extension CIDRBlock {
    /// `192.0.2.7` and `192.0.2.7/32` are one block, however they were written.
    package static func == (left: CIDRBlock, right: CIDRBlock) -> Bool {
        left.address == right.address && left.prefixLength == right.prefixLength
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(address)
        hasher.combine(prefixLength)
    }
}
