import RelayModel

/// Which sessions the operator allows at all, whoever asks for them.
package struct SessionPolicy: Sendable, Equatable {
    /// The blocks that groups must be in; nil for any group.
    var groups: [CIDRBlock]?
    /// The local control groups (``IPAddress/isLocalControlGroup``) that may be used, whatever
    /// `groups` says. Routers and hosts speak to each other there, and switches never hold it back.
    var localControlGroups: Set<IPAddress> = []
    /// The ports that may be sent to, listened on and sent from; nil for any.
    var ports: [ClosedRange<UInt16>]?
    /// The interfaces that may be used; nil for any.
    var interfaces: [InterfacePattern]?
    /// Whether there may be broadcast sessions.
    var allowsBroadcast = true
    /// The largest TTL or hop limit.
    var ttlMax: UInt8 = .max
    /// The most replies a second that a session may have; nil for any number.
    var repliesPerSecondMax: Int?
    /// How many posted datagrams a second each session sends; nil for any number. It refuses no
    /// session; ``DatagramBudgets`` applies it.
    var datagramsPerSecondMax: Int?

    /// Everything but the local control groups.
    package init() {}

    /// What the policy has against a definition; empty if nothing.
    ///
    /// An interface that is given by an address, or not at all, is known only when the session
    /// opens: ``refusal(ofInterface:)`` is for then.
    func violations(of definition: SessionDefinition) -> [FieldViolation] {
        kindViolations(of: definition) + groupViolations(of: definition)
            + portViolations(of: definition) + interfaceViolations(of: definition)
            + rateViolations(of: definition) + targetViolations(of: definition)
    }

    /// Why a definition is refused; nil if it is not.
    func refusal(of definition: SessionDefinition) -> SessionError? {
        let violations = violations(of: definition)
        guard let first = violations.first else { return nil }
        let more = violations.count > 1 ? " (and \(violations.count - 1) more)" : ""
        return SessionError(
            .forbiddenByPolicy,
            "the operator's policy forbids it: \(Self.place(of: first)) \(first.detail)\(more)",
            violations: violations
        )
    }

    /// The field, and of a list the element and its member.
    private static func place(of violation: FieldViolation) -> String {
        [violation.field.rawValue, violation.index.map(String.init), violation.member]
            .compactMap(\.self).joined(separator: " ")
    }

    /// Why the interface that a session really uses is refused, by its name; nil if it is not.
    func refusal(ofInterface name: String) -> SessionError? {
        guard let interfaces, let detail = fault(ofInterface: name) else { return nil }
        return SessionError(
            .forbiddenByPolicy,
            "the operator's policy forbids it: the session would use the interface \(name), "
                + "and may use \(Self.list(interfaces))",
            violations: [FieldViolation(.interface, .invalid, detail)]
        )
    }

    /// Whether datagrams may come in by an interface, by its name; nil for any.
    var admitsInterface: (@Sendable (String) -> Bool)? {
        guard let interfaces else { return nil }
        return { name in interfaces.contains { $0.matches(name) } }
    }

    /// What is wrong with an interface, by its name; nil if nothing.
    func fault(ofInterface name: String) -> String? {
        guard let interfaces, !interfaces.contains(where: { $0.matches(name) }) else { return nil }
        return "is \(name); use \(Self.list(interfaces))"
    }

    // MARK: - Rules

    private func kindViolations(of definition: SessionDefinition) -> [FieldViolation] {
        guard !allowsBroadcast && definition.kind == .broadcast else { return [] }
        return [FieldViolation(.kind, .invalid, "must not be broadcast here")]
    }

    private func groupViolations(of definition: SessionDefinition) -> [FieldViolation] {
        guard let group = definition.group, let detail = fault(ofGroup: group) else { return [] }
        return [FieldViolation(.group, .invalid, detail)]
    }

    /// What is wrong with a group; nil if nothing.
    func fault(ofGroup group: IPAddress) -> String? {
        if group.isLocalControlGroup {
            guard !localControlGroups.contains(group) else { return nil }
            let block =
                group.family == .ipv4 ? "is in 224.0.0.0/24" : "is one of the groups of ff02::"
            return "\(group) \(block), where hosts and routers control the network; "
                + "the operator has to list it in localControlGroups"
        }
        guard let groups, !groups.contains(where: { $0.contains(group) }) else { return nil }
        return "\(group) is not in \(Self.list(groups))"
    }

    private func portViolations(of definition: SessionDefinition) -> [FieldViolation] {
        var used = [(SessionField.port, definition.port)]
        if definition.localPort != 0 { used.append((.localPort, definition.localPort)) }
        return used.compactMap { field, port in
            fault(ofPort: port).map { FieldViolation(field, .invalid, $0) }
        }
    }

    /// What is wrong with a port; nil if nothing.
    func fault(ofPort port: UInt16) -> String? {
        guard let ports, !ports.contains(where: { $0.contains(port) }) else { return nil }
        let allowed = ports.map {
            $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
        }
        return "\(port) is not in \(Self.list(allowed))"
    }

    private func interfaceViolations(of definition: SessionDefinition) -> [FieldViolation] {
        guard let interfaces else { return [] }
        switch definition.interface {
        case .name(let name):
            return refusal(ofInterface: name)?.violations ?? []
        case nil where definition.role == .receiver:
            let detail = "must be one of \(Self.list(interfaces)); without it all are listened on"
            return [FieldViolation(.interface, .missing, detail)]
        case .address, nil:
            return []
        }
    }

    private func rateViolations(of definition: SessionDefinition) -> [FieldViolation] {
        var violations: [FieldViolation] = []
        if definition.sends && definition.ttl > ttlMax {
            violations.append(
                FieldViolation(.ttl, .invalid, "\(definition.ttl) is more than \(ttlMax)")
            )
        }
        if let reply = definition.reply {
            violations += replyViolations(reply, definition)
        }
        return violations
    }

    private func replyViolations(
        _ reply: Reply,
        _ definition: SessionDefinition
    ) -> [FieldViolation] {
        var violations: [FieldViolation] = []
        if let ttl = reply.ttl, ttl > ttlMax {
            let detail = "has a ttl of \(ttl), which is more than \(ttlMax)"
            violations.append(FieldViolation(.reply, .invalid, detail))
        }
        if reply.to == .destination && !allowsBroadcast && definition.accept.contains(.broadcast) {
            let detail = "would answer to broadcast addresses, which is not allowed here"
            violations.append(FieldViolation(.reply, .invalid, detail))
        }
        if let most = repliesPerSecondMax, reply.perSecondMax > most {
            let detail = "has a perSecondMax of \(reply.perSecondMax), which is more than \(most)"
            violations.append(FieldViolation(.reply, .invalid, detail))
        }
        return violations
    }

    private static func list(_ allowed: [some CustomStringConvertible]) -> String {
        allowed.isEmpty ? "nothing" : allowed.map(\.description).joined(separator: ", ")
    }
}

/// The name of an interface, or how it begins, with `*` at the end.
struct InterfacePattern: Sendable, Hashable, CustomStringConvertible {
    /// As it is written.
    let description: String

    /// Reads a pattern of up to 15 characters and `*`; nil for anything else.
    init?(_ text: String) {
        let name = text.hasSuffix("*") ? text.dropLast() : text[...]
        let isName: Bool
        if case .name? = InterfaceSelector(String(name)) { isName = true } else { isName = false }
        guard (isName || text == "*") && !name.contains("*") else { return nil }
        description = text
    }

    /// Whether it means the interface with this name.
    func matches(_ name: String) -> Bool {
        description.hasSuffix("*") ? name.hasPrefix(description.dropLast()) : name == description
    }
}
