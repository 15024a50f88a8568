import CRelaySocket
import RelayModel

// MARK: - Changing the options of an open socket

extension SessionSocket {
    /// What is set on the calling thread of a change: changing a membership waits for the lock of
    /// the host's network configuration (RTNL).
    static let fieldsOfReceiving: [SessionField] = [.receiveBufferBytes, .sources]
    /// What is set on the relay thread, so that no datagram leaves with the one and is remembered
    /// with the other.
    static let fieldsOfSending: [SessionField] = [
        .reply, .forward, .ttl, .dscp, .loopback, .recordDSCP,
    ]

    /// Sets those of the fields that differ between two definitions.
    ///
    /// Throws the first call that the kernel refused; then everything is as it was.
    func change(
        _ fields: [SessionField],
        from previous: SessionDefinition,
        to next: SessionDefinition,
        interfaceIndex: Int32
    ) throws(SystemCallError) {
        let changed = next.fieldsChanged(from: previous)
        let concerned = fields.filter(changed.contains)
        for (index, field) in concerned.enumerated() {
            do {
                try set(field, next, interfaceIndex)
            } catch {
                // What cannot be set back has gone with its interface, which is watched elsewhere.
                for field in concerned[...index].reversed() {
                    _ = try? set(field, previous, interfaceIndex)
                }
                throw error
            }
        }
    }

    /// The receive buffer that the kernel granted: what SO_RCVBUF reports, halved (socket(7)).
    func grantedReceiveBufferBytes() throws(SystemCallError) -> Int {
        try Self.grantedReceiveBuffer(number)
    }

    private func set(
        _ field: SessionField,
        _ definition: SessionDefinition,
        _ interfaceIndex: Int32
    ) throws(SystemCallError) {
        guard field.applies(to: definition.kind, role: definition.role) else { return }
        switch field {
        case .receiveBufferBytes:
            let bytes = definition.receiveBufferBytes ?? defaultReceiveBufferBytes
            try Self.setReceiveBuffer(number, bytes)
        case .sources: try Self.setSources(number, definition, interfaceIndex)
        // Not switched off again: errors of the replies that have left may still come.
        case .reply, .forward, .recordDSCP:
            try Self.requestDSCP(number, definition)
            if definition.answers { try Self.reportErrors(number, definition) }
            try Self.allowBroadcastAnswers(number, definition)
        case .ttl: try Self.setTTL(number, definition)
        case .dscp: try Self.setDSCP(number, definition)
        case .loopback: try Self.setLoopback(number, definition)
        default: preconditionFailure("\(field.rawValue) is no option of a socket")
        }
    }
}

// MARK: - One option each

extension SessionSocket {
    static func grantedReceiveBuffer(_ number: Int32) throws(SystemCallError) -> Int {
        Int(try SystemCallError.check("getsockopt SO_RCVBUF", relay_receive_buffer(number)))
    }

    static func setReceiveBuffer(_ number: Int32, _ bytes: Int) throws(SystemCallError) {
        let result = relay_set_receive_buffer(number, Int32(clamping: bytes))
        try SystemCallError.check("SO_RCVBUF", result)
    }

    static func reportErrors(
        _ number: Int32,
        _ definition: SessionDefinition
    ) throws(SystemCallError) {
        let result = relay_report_errors(number, Int32(definition.family.rawValue))
        try SystemCallError.check("IP_RECVERR", result)
    }

    /// Allows answers to broadcast addresses where the definition sends them; not taken back.
    static func allowBroadcastAnswers(
        _ number: Int32,
        _ definition: SessionDefinition
    ) throws(SystemCallError) {
        guard definition.reply?.to == .destination, definition.family == .ipv4 else { return }
        try SystemCallError.check("SO_BROADCAST", relay_allow_broadcast(number))
    }

    /// Has the kernel say when each datagram arrived; where it refuses, the times are unknown.
    func requestArrivalTimes() { _ = relay_request_arrival_times(number) }

    /// When the datagram arrived that would be received next, as far as that was requested; nil =
    /// there is none.
    var nextArrival: ArrivalTime? { ArrivalTime(word: relay_next_arrival(number)) }

    static func setTTL(_ number: Int32, _ definition: SessionDefinition) throws(SystemCallError) {
        let family = Int32(definition.family.rawValue)
        try SystemCallError.check("IP_TTL", relay_set_ttl(number, family, Int32(definition.ttl)))
    }

    static func setDSCP(_ number: Int32, _ definition: SessionDefinition) throws(SystemCallError) {
        let family = Int32(definition.family.rawValue)
        try SystemCallError.check("IP_TOS", relay_set_dscp(number, family, Int32(definition.dscp)))
    }

    /// Asks for the DSCP of each datagram, or no longer.
    static func requestDSCP(
        _ number: Int32,
        _ definition: SessionDefinition
    ) throws(SystemCallError) {
        let family = Int32(definition.family.rawValue)
        let result = relay_request_dscp(number, family, definition.readsDSCP ? 1 : 0)
        try SystemCallError.check("IP_RECVTOS", result)
    }

    static func setLoopback(
        _ number: Int32,
        _ definition: SessionDefinition
    ) throws(SystemCallError) {
        let family = Int32(definition.family.rawValue)
        let result = relay_set_multicast_loopback(number, family, definition.loopback ? 1 : 0)
        try SystemCallError.check("IP_MULTICAST_LOOP", result)
    }

    /// Replaces the sources of a member in one call (RFC 3678), which keeps the group joined.
    private static func setSources(
        _ number: Int32,
        _ definition: SessionDefinition,
        _ interfaceIndex: Int32
    ) throws(SystemCallError) {
        guard let group = definition.group else { preconditionFailure("a member has a group") }
        let sources = definition.sources.map { relay_endpoint($0) }
        // Safe because the call reads `count` elements of the array.
        let result = unsafe sources.withUnsafeBufferPointer { buffer in
            unsafe relay_set_sources(
                number,
                relay_endpoint(group),
                buffer.baseAddress,
                Int32(buffer.count),
                interfaceIndex
            )
        }
        try SystemCallError.check("MCAST_MSFILTER", result)
    }
}

extension SessionDefinition {
    /// Whether somebody looks at the DSCP of received datagrams, which costs a control message.
    var readsDSCP: Bool { recordDSCP || forward.contains(where: \.preservesDSCP) }

    /// Whether datagrams are answered by the session's socket: by itself, or by whom they were
    /// relayed to.
    var answers: Bool {
        reply != nil
            || forward.contains { target in
                guard case .endpoint(let endpoint) = target.destination else { return false }
                return endpoint.mapReplies != nil
            }
    }
}
