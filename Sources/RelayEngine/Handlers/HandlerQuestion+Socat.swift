import RelayModel

/// What socat 1.7.4 tells its commands, in its words (socat(1), environment variables): a UDP-RECVFROM
/// with ip-pktinfo and ip-recvttl, or their IPv6 twins, and the local address of a UDP-LISTEN.
extension HandlerQuestion {
    /// NAME=VALUE, without what is not known.
    var socatVariables: [String] {
        let isIPv4 = source.address.family == .ipv4
        let prefix = isIPv4 ? "IP" : "IPV6"
        let local = localAddress.map(Self.socatText)
        let values: [(name: String, value: String?)] = [
            ("PEERADDR", Self.socatText(source.address)),
            ("PEERPORT", "\(source.port)"),
            ("SOCKADDR", local),
            ("SOCKPORT", "\(session.localEndpoint.port)"),
            ("\(prefix)_DSTADDR", destination.map(Self.socatText)),
            ("\(prefix)_IF", interfaceName.isEmpty ? nil : interfaceName),
            ("IP_LOCADDR", isIPv4 ? local : nil),
            (isIPv4 ? "IP_TTL" : "IPV6_HOPLIMIT", ttl.map { "\($0)" }),
        ]
        return values.compactMap { name, value in value.map { "SOCAT_\(name)=\($0)" } }
    }

    /// IPv4 as usual; IPv6 in brackets, with all of its digits and without a zone.
    static func socatText(_ address: IPAddress) -> String {
        if address.family == .ipv4 { return address.description }
        let groups = [address.high, address.low].flatMap { half in
            [48, 32, 16, 0].map { shift in
                let digits = String(half >> UInt64(shift) & 0xFFFF, radix: 16)
                return String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return "[" + groups.joined(separator: ":") + "]"
    }
}
