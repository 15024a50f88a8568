/// An IPv4 or IPv6 address without a zone; 128 bits, trivially copyable, compared by value.
///
/// An IPv4 address keeps its 32 bits in `low`; it never equals the IPv4-mapped IPv6 address.
///
/// What the data plane does with it for each datagram is inlinable: no call leaves its module.
package struct IPAddress: Hashable, Sendable {
    package enum Family: UInt8, Sendable {
        case ipv4 = 4
        case ipv6 = 6
    }

    package let family: Family
    /// Bits 127…64 of an IPv6 address in host order; 0 for IPv4.
    package let high: UInt64
    /// Bits 63…0 of an IPv6 address, or the 32 bits of an IPv4 address, in host order.
    package let low: UInt64

    /// An IPv4 address from its 32 bits in host order: 127.0.0.1 is `0x7F00_0001`.
    @inlinable
    @inline(__always)
    package init(ipv4 bits: UInt32) {
        family = .ipv4
        high = 0
        low = UInt64(bits)
    }

    /// An IPv6 address from its two halves in host order.
    @inlinable
    @inline(__always)
    package init(ipv6High high: UInt64, low: UInt64) {
        family = .ipv6
        self.high = high
        self.low = low
    }

    /// 0.0.0.0 or ::, the wildcard a socket binds to.
    package static func unspecified(_ family: Family) -> IPAddress {
        family == .ipv4 ? IPAddress(ipv4: 0) : IPAddress(ipv6High: 0, low: 0)
    }

    /// 255.255.255.255, the limited broadcast address (RFC 919).
    package static let limitedBroadcast = IPAddress(ipv4: 0xFFFF_FFFF)

    @inlinable
    @inline(__always)
    package static func == (left: IPAddress, right: IPAddress) -> Bool {
        left.low == right.low && left.high == right.high && left.family == right.family
    }

    /// 32 for IPv4, 128 for IPv6.
    package var bitWidth: Int { family == .ipv4 ? 32 : 128 }
}

// MARK: - What kind of address it is

extension IPAddress {
    /// 224.0.0.0/4 (RFC 1112) or ff00::/8 (RFC 4291).
    @inlinable
    package var isMulticast: Bool {
        family == .ipv4 ? low >> 28 == 0xE : high >> 56 == 0xFF
    }

    package var isUnspecified: Bool { high == 0 && low == 0 }

    /// 127.0.0.0/8 or ::1.
    package var isLoopback: Bool {
        family == .ipv4 ? low >> 24 == 127 : high == 0 && low == 1
    }

    /// An address that can be the source of a datagram: neither multicast, unspecified, reserved
    /// (240.0.0.0/4) nor broadcast.
    package var isUnicast: Bool {
        if isMulticast || isUnspecified { return false }
        return family == .ipv6 || (low >> 24 != 0 && low >> 28 != 0xF)
    }

    /// The scope of an IPv6 multicast address (RFC 4291 section 2.7): 1 interface-local,
    /// 2 link-local, 5 site-local, 14 global; nil for every other address.
    package var multicastScope: Int? {
        family == .ipv6 && isMulticast ? Int(high >> 48 & 0xF) : nil
    }

    /// The IPv4 address that an IPv4-mapped one stands for (::ffff:0:0/96, RFC 4291 section
    /// 2.5.5.2), which no datagram has; nil for every other address.
    package var mappedIPv4: IPAddress? {
        family == .ipv6 && high == 0 && low >> 32 == 0xFFFF
            ? IPAddress(ipv4: UInt32(truncatingIfNeeded: low)) : nil
    }

    /// Whether the address means nothing without an interface: ff02::/16-like groups and fe80::/10.
    package var needsInterface: Bool {
        guard family == .ipv6 else { return false }
        return multicastScope == 2 || high >> 54 == 0x3FA
    }
}
