/// The members of a session definition that a client may write, named as in JSON.
package enum SessionField: String, Sendable, CaseIterable {
    case name, kind, role, group, address, port, interface, sources, allow, deny
    case requireSourcePort, accept, hostModel, receiveOwn, loopback, ttl, dscp, localPort, exclusive
    case reply, forward, loopGuardMilliseconds, limits, coalesceMicroseconds
    case recentPackets, snapLength, recordDSCP, receiveBufferBytes, whenUnavailable
    case labels, annotations, enabled, persist

    /// Whether sessions of this kind, in any role, have the field.
    package func applies(to kind: SessionKind) -> Bool {
        switch self {
        case .role, .address: kind == .broadcast
        case .group: kind.isMulticast
        case .sources: kind == .multicastReceiver || kind == .multicastPeer
        case .loopback: kind == .multicastSender || kind == .multicastPeer
        case .receiveOwn: kind == .multicastPeer || kind == .broadcast
        case .ttl, .dscp: kind != .multicastReceiver
        case .exclusive: kind != .multicastSender
        case .localPort: kind == .multicastSender || kind == .broadcast
        case .reply: kind == .multicastReceiver || kind == .broadcast
        default: true
        }
    }

    /// Whether a broadcast session in this role has the field; true for fields of every role.
    package func applies(to role: BroadcastRole) -> Bool {
        switch self {
        case .receiveOwn: role == .peer
        case .address, .ttl, .dscp: role != .receiver
        case .exclusive: role != .sender
        case .localPort: role == .sender
        case .reply: role == .receiver
        default: true
        }
    }

    /// Whether a session of this kind and role has the field.
    package func applies(to kind: SessionKind, role: BroadcastRole?) -> Bool {
        applies(to: kind) && role.map(applies(to:)) ?? true
    }

    /// Whether a session can change the field without another socket, so that it keeps its
    /// datagrams, its counters and its packets. The others decide what is bound, joined or sent to.
    package var isMutableInPlace: Bool {
        switch self {
        case .name, .kind, .role, .group, .address, .port, .interface: false
        case .localPort, .exclusive: false
        case .sources, .allow, .deny, .requireSourcePort, .accept, .receiveOwn: true
        case .hostModel: true
        case .loopback, .ttl, .dscp, .reply: true
        case .recentPackets, .snapLength, .recordDSCP, .receiveBufferBytes: true
        case .forward, .loopGuardMilliseconds, .limits, .coalesceMicroseconds: true
        case .whenUnavailable, .labels, .annotations, .enabled, .persist: true
        }
    }
}
