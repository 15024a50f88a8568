/// A rule that a definition breaks: which field, and a sentence that says what to do.
package struct FieldViolation: Hashable, Sendable {
    package enum Reason: Sendable {
        case invalid
        case missing
    }

    package let field: SessionField
    /// The index in a list field, where one element is to blame.
    package let index: Int?
    /// The member of that element, as a JSON pointer below it without its first slash; nil where
    /// the element is a plain value, or to blame as a whole.
    package let member: String?
    package let reason: Reason
    package let detail: String

    package init(
        _ field: SessionField,
        index: Int? = nil,
        member: String? = nil,
        _ reason: Reason,
        _ detail: String
    ) {
        self.field = field
        self.index = index
        self.member = member
        self.reason = reason
        self.detail = detail
    }
}

/// Limits of a definition; each is tested at its border.
package enum DefinitionLimits {
    /// Entries in `allow` and in `deny` of a session or a target; each costs about a nanosecond a
    /// datagram.
    package static let addressBlocksMax = 64
    /// Entries in `sources`: `igmp_max_msf` (ip(7)) is 10.
    package static let sourcesMax = 10
    package static let recentPacketsMax = 4096
    package static let snapLengthMax = 65_535
    package static let receiveBufferBytesRange = 2048...268_435_456
    /// The largest UDP payload over IPv4: 65 535 less 20 of IP and 8 of UDP header.
    package static let datagramBytesMax = 65_507
    /// Entries in `forward`.
    package static let targetsMax = 64
    package static let loopGuardMillisecondsRange = 0...60_000
    package static let sampleOneInRange = 1...1_000_000
    /// Entries in `labels` and in `annotations`.
    package static let metadataEntriesMax = 64
    package static let metadataKeyBytesMax = 63
    package static let labelValueBytesMax = 63
    /// Characters (Unicode scalars) in the value of an annotation.
    package static let annotationValueCharactersMax = 1024
}

extension SessionDefinition {
    /// The rules that hold between fields or need the meaning of a value; empty = valid.
    package func violations() -> [FieldViolation] {
        groupViolations() + interfaceViolations() + sourceViolations() + addressViolations()
            + limitViolations() + forwardingViolations()
    }

    private func groupViolations() -> [FieldViolation] {
        guard kind.isMulticast else { return [] }
        guard let group else {
            return [FieldViolation(.group, .missing, "a \(kind.rawValue) needs a group")]
        }
        guard group.isMulticast, group != IPAddress(ipv4: 0xE000_0000) else {
            return [
                FieldViolation(
                    .group,
                    .invalid,
                    "\(group) is not a multicast group; use 224.0.0.1–239.255.255.255 or ff02::–ffff::"
                )
            ]
        }
        if let scope = group.multicastScope, scope < 2 || scope == 15 {
            return [
                FieldViolation(
                    .group,
                    .invalid,
                    "the scope of \(group) does not leave the interface or is reserved (RFC 4291)"
                )
            ]
        }
        if group.needsInterface && interface == nil {
            return [
                FieldViolation(
                    .interface,
                    .missing,
                    "\(group) is link-local: name the interface"
                )
            ]
        }
        return []
    }

    private func interfaceViolations() -> [FieldViolation] {
        guard case .address(let address)? = interface, let plain = address.mappedIPv4 else {
            return []
        }
        return [FieldViolation(.interface, .invalid, Self.rule(ofMapped: address, plain))]
    }

    private func sourceViolations() -> [FieldViolation] {
        guard let group else { return [] }
        var violations = sources.enumerated().compactMap { index, source in
            source.isUnicast && source.family == group.family && source.mappedIPv4 == nil
                ? nil
                : FieldViolation(
                    .sources,
                    index: index,
                    .invalid,
                    "\(source) is not a unicast address of the group's family"
                )
        }
        if sources.count > DefinitionLimits.sourcesMax {
            violations.append(
                FieldViolation(
                    .sources,
                    .invalid,
                    "at most \(DefinitionLimits.sourcesMax) sources can be joined"
                )
            )
        }
        return violations
    }

    private func addressViolations() -> [FieldViolation] {
        guard let address else { return [] }
        let isUsable = address.isUnicast || address == .limitedBroadcast
        return isUsable && address.family == .ipv4
            ? []
            : [FieldViolation(.address, .invalid, "\(address) is not an IPv4 broadcast address")]
    }

    private func limitViolations() -> [FieldViolation] {
        var violations: [FieldViolation] = []
        if accept.isEmpty {
            violations.append(
                FieldViolation(.accept, .invalid, "list at least one destination class")
            )
        }
        if family == .ipv6 && accept == [.broadcast] {
            let detail = "IPv6 has no broadcast: nothing would be let in; list multicast or unicast"
            violations.append(FieldViolation(.accept, .invalid, detail))
        }
        for (field, blocks) in [(SessionField.allow, allow), (.deny, deny)]
        where blocks.count > DefinitionLimits.addressBlocksMax {
            violations.append(
                FieldViolation(
                    field,
                    .invalid,
                    "at most \(DefinitionLimits.addressBlocksMax) entries"
                )
            )
        }
        return violations + blockViolations(.allow, allow) + blockViolations(.deny, deny)
    }

    private func blockViolations(_ field: SessionField, _ blocks: [CIDRBlock]) -> [FieldViolation] {
        blocks.enumerated().compactMap { index, block in
            Self.rule(ofMapped: block).map { FieldViolation(field, index: index, .invalid, $0) }
        }
    }

    /// What is wrong with a block of IPv4-mapped addresses; nil for any other.
    static func rule(ofMapped block: CIDRBlock) -> String? {
        guard block.prefixLength >= 96, let plain = block.address.mappedIPv4 else { return nil }
        return rule(ofMapped: block.address, plain)
    }

    /// No datagram has such an address: sockets of one family are used, never of both.
    static func rule(ofMapped address: IPAddress, _ plain: IPAddress) -> String {
        "\(address) is an IPv4-mapped address, which no datagram has; write \(plain)"
    }
}
