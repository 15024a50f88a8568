/// What is different between two definitions, and whether a running session can follow.
extension SessionDefinition {
    /// The fields whose values differ, kind and role included; empty = the definitions are equal.
    package func fieldsChanged(from previous: SessionDefinition) -> Set<SessionField> {
        Set(SessionField.allCases.filter { !hasEqual($0, previous) })
    }

    /// Whether a session that runs with this definition can take on another one and keep its
    /// socket. An equal definition can be taken on, too: there is nothing to do.
    package func canChangeInPlace(to next: SessionDefinition) -> Bool {
        next.fieldsChanged(from: self).allSatisfy(\.isMutableInPlace)
    }

    private func hasEqual(_ field: SessionField, _ other: SessionDefinition) -> Bool {
        switch field {
        case .name: name == other.name
        case .kind: kind == other.kind
        case .role: role == other.role
        case .group: group == other.group
        case .address: address == other.address
        case .port: port == other.port
        case .interface: interface == other.interface
        case .sources: sources == other.sources
        case .allow: allow == other.allow
        case .deny: deny == other.deny
        case .requireSourcePort: requireSourcePort == other.requireSourcePort
        case .accept: accept == other.accept
        case .hostModel: hostModel == other.hostModel
        case .receiveOwn: receiveOwn == other.receiveOwn
        case .loopback: loopback == other.loopback
        case .ttl: ttl == other.ttl
        case .dscp: dscp == other.dscp
        case .localPort: localPort == other.localPort
        case .exclusive: exclusive == other.exclusive
        case .reply: reply == other.reply
        case .forward: forward == other.forward
        case .loopGuardMilliseconds: loopGuardMilliseconds == other.loopGuardMilliseconds
        case .limits: limits == other.limits
        case .coalesceMicroseconds: coalescing == other.coalescing
        case .recentPackets: recentPackets == other.recentPackets
        case .snapLength: snapLength == other.snapLength
        case .recordDSCP: recordDSCP == other.recordDSCP
        case .receiveBufferBytes: receiveBufferBytes == other.receiveBufferBytes
        case .whenUnavailable: whenUnavailable == other.whenUnavailable
        case .labels: labels == other.labels
        case .annotations: annotations == other.annotations
        case .enabled: enabled == other.enabled
        case .persist: persist == other.persist
        }
    }
}
