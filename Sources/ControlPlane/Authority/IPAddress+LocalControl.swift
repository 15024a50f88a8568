import RelayModel

extension IPAddress {
    /// Whether hosts and routers control the network by this group: 224.0.0.0/24, the Local Network
    /// Control Block (RFC 5771, 4), or a permanent group of the link-local scope that is its like.
    ///
    /// IPv6 has no block for them. Those that IANA has assigned (RFC 3307, 4.1; registry "IPv6
    /// Multicast Address Space Registry") are ff02::/120 (routing protocols, MLD, mDNS), ff02::1:0/112
    /// (DHCP, LLMNR), ff02::1:ff00:0/104 (solicited nodes, RFC 4291) and ff02::2:ff00:0/104 (node
    /// information, RFC 4620). ff02::c is SSDP, whose IPv4 group 239.255.255.250 is none of the block.
    var isLocalControlGroup: Bool {
        if family == .ipv4 { return low >> 8 == 0xE000_00 && low != 0xE000_0000 }
        guard high == 0xFF02_0000_0000_0000 else { return false }
        if low == 0xC { return false }
        return low <= 0xFF || low >> 16 == 1 || low >> 24 == 0x1_FF || low >> 24 == 0x2_FF
    }
}
