import RelayModel

extension SessionPolicy {
    /// Most entries of each list of a policy.
    static let entriesMax = 256

    /// Reads the section `policy` of the configuration file; throws every fault with its pointer.
    package init(decoding value: JSONValue) throws(DocumentFaults) {
        self = try value.document { reader in
            var policy = SessionPolicy()
            policy.groups = reader.list(
                "groups",
                "a block of multicast addresses such as 239.0.0.0/8 or ff15::/16",
                count: 0...Self.entriesMax
            ) { text in CIDRBlock(text).flatMap { $0.isMulticast ? $0 : nil } }
            let localControlGroups = reader.list(
                "localControlGroups",
                "a group of 224.0.0.0/24 such as 224.0.0.251, or its like of ff02::, such as ff02::fb",
                count: 0...Self.entriesMax
            ) { text in IPAddress(text).flatMap { $0.isLocalControlGroup ? $0 : nil } }
            policy.localControlGroups = Set(localControlGroups ?? [])
            policy.ports = reader.list(
                "ports",
                "a port such as \"5004\", or a range such as \"5000-5999\", from 1 to 65535",
                count: 0...Self.entriesMax,
                Self.portRange
            )
            policy.interfaces = reader.list(
                "interfaces",
                "the name of an interface, perhaps with * at its end",
                count: 0...Self.entriesMax,
                InterfacePattern.init
            )
            policy.allowsBroadcast = reader.boolean("broadcast") ?? true
            policy.ttlMax = UInt8(reader.integer("ttlMax", in: 1...255) ?? 255)
            policy.repliesPerSecondMax = reader.integer(
                "repliesPerSecondMax",
                in: Reply.perSecondRange
            )
            policy.datagramsPerSecondMax = reader.integer("datagramsPerSecondMax", in: Rate.range)
            return policy
        }
    }

    private static func portRange(_ text: String) -> ClosedRange<UInt16>? {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let ports = ends.compactMap { end -> UInt16? in
            guard end.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return UInt16(end).flatMap { $0 == 0 ? nil : $0 }
        }
        guard ports.count == ends.count, let first = ports.first, let last = ports.last,
            first <= last
        else { return nil }
        return first...last
    }
}

extension CIDRBlock {
    /// Whether all its addresses are multicast ones.
    fileprivate var isMulticast: Bool {
        address.isMulticast && prefixLength >= (address.family == .ipv4 ? 4 : 8)
    }
}

extension SessionPolicy: CustomStringConvertible {
    /// What it restricts or opens, for people.
    package var description: String {
        var keys: [String] = []
        if groups != nil { keys.append("groups") }
        if !localControlGroups.isEmpty { keys.append("localControlGroups") }
        if ports != nil { keys.append("ports") }
        if interfaces != nil { keys.append("interfaces") }
        if !allowsBroadcast { keys.append("broadcast") }
        if ttlMax < .max { keys.append("ttlMax") }
        if repliesPerSecondMax != nil { keys.append("repliesPerSecondMax") }
        if datagramsPerSecondMax != nil { keys.append("datagramsPerSecondMax") }
        return keys.isEmpty ? "none" : keys.joined(separator: ", ")
    }
}
