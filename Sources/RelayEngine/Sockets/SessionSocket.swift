import CRelaySocket
import Glibc
import RelayModel
import Synchronization

/// A bound and joined UDP socket of one session, with what the kernel granted it.
///
/// The relay thread moves datagrams on it; other threads only ask for its receive drops. `close`
/// may be called once the relay thread has let go of it.
final class SessionSocket: Sendable {
    /// nil after `close`.
    private let descriptor: Locked<Descriptor?>
    /// The descriptor's number, for the relay thread, which owns the socket until it is removed.
    let number: Int32
    let localEndpoint: Endpoint
    /// What the system grants to who asks for no receive buffer (`net.core.rmem_default`).
    let defaultReceiveBufferBytes: Int
    /// Larger than that of every socket that was bound before it.
    let openingOrder: UInt64

    private static let openings = Atomic<UInt64>(0)

    private init(
        descriptor: consuming sending Descriptor,
        localEndpoint: Endpoint,
        defaultReceiveBufferBytes: Int
    ) {
        number = descriptor.number
        self.descriptor = Locked(descriptor)
        self.localEndpoint = localEndpoint
        self.defaultReceiveBufferBytes = defaultReceiveBufferBytes
        openingOrder = Self.openings.add(1, ordering: .relaxed).newValue
    }

    /// Whether `close` was not called yet.
    var isOpen: Bool { descriptor.withLock { $0 != nil } }

    /// Closes the descriptor, which also leaves the group; harmless when repeated.
    func close() {
        descriptor.withLock { $0 = nil }
    }

    /// Datagrams that the kernel dropped at the receive buffer since the socket was opened, modulo
    /// 2^32 (SO_MEMINFO, sock_diag(7)); nil after `close`.
    func receiveDrops() -> UInt32? {
        descriptor.withLock { descriptor in
            guard descriptor != nil else { return nil }
            let drops = relay_receive_drops(number)
            return drops < 0 ? nil : UInt32(truncatingIfNeeded: drops)
        }
    }
}

// MARK: - Moving datagrams, on the relay thread only

extension SessionSocket {
    /// Receives up to `limit` datagrams without waiting: how many, or a negative errno; -EAGAIN =
    /// none.
    func receive(into batch: inout ReceiveBatch, limit: Int) -> Int {
        batch.receive(from: number, limit: limit)
    }

    /// Sends from an index of the batch on, without waiting: how many left, or a negative errno.
    func send(_ batch: borrowing SendBatch, from first: Int) -> Int {
        batch.send(from: first, on: number)
    }
}

// MARK: - Opening

extension SessionSocket {
    /// Opens, binds and joins as the definition says.
    ///
    /// Throws the first call that the kernel refused, and EMFILE for a descriptor at or above the
    /// ceiling, which is kept free for everything that is not a session.
    static func open(
        _ definition: SessionDefinition,
        interfaceIndex: Int32,
        descriptorCeiling: Int32
    ) throws(SystemCallError) -> SessionSocket {
        let family = Int32(definition.family.rawValue)
        let descriptor = Descriptor(
            owning: try SystemCallError.check("socket", relay_socket_open(family))
        )
        guard descriptor.number < descriptorCeiling else { throw SystemCallError("socket", EMFILE) }
        let defaultReceiveBufferBytes = try grantedReceiveBuffer(descriptor.number)
        try prepareToReceive(descriptor.number, definition)
        try prepareToSend(descriptor.number, definition, interfaceIndex: interfaceIndex)
        let wildcard = Endpoint(.unspecified(definition.family), port: definition.portToBind)
        try SystemCallError.check(
            "bind \(wildcard)",
            relay_bind(descriptor.number, relay_endpoint(wildcard))
        )
        if definition.joins {
            try join(descriptor.number, definition, interfaceIndex: interfaceIndex)
        }
        return SessionSocket(
            localEndpoint: try localEndpoint(of: descriptor.number),
            defaultReceiveBufferBytes: defaultReceiveBufferBytes,
            taking: descriptor
        )
    }

    private convenience init(
        localEndpoint: Endpoint,
        defaultReceiveBufferBytes: Int,
        taking descriptor: consuming sending Descriptor
    ) {
        self.init(
            descriptor: descriptor,
            localEndpoint: localEndpoint,
            defaultReceiveBufferBytes: defaultReceiveBufferBytes
        )
    }

    private static func prepareToReceive(
        _ number: Int32,
        _ definition: SessionDefinition
    ) throws(SystemCallError) {
        let family = Int32(definition.family.rawValue)
        try SystemCallError.check("IP_MULTICAST_ALL", relay_isolate_groups(number, family))
        try SystemCallError.check("IP_PKTINFO", relay_request_metadata(number, family))
        if let bytes = definition.receiveBufferBytes { try setReceiveBuffer(number, bytes) }
        if definition.readsDSCP { try requestDSCP(number, definition) }
        if definition.sharesPort {
            try SystemCallError.check("SO_REUSEADDR", relay_share_port(number))
        }
    }

    private static func prepareToSend(
        _ number: Int32,
        _ definition: SessionDefinition,
        interfaceIndex: Int32
    ) throws(SystemCallError) {
        let family = Int32(definition.family.rawValue)
        if definition.answers || definition.sends { try reportErrors(number, definition) }
        try allowBroadcastAnswers(number, definition)
        guard definition.sends else { return }
        try setTTL(number, definition)
        if definition.dscp != 0 { try setDSCP(number, definition) }
        if definition.kind.isMulticast {
            try setLoopback(number, definition)
            try SystemCallError.check(
                "IP_MULTICAST_IF",
                relay_set_multicast_interface(number, family, interfaceIndex)
            )
        } else {
            try SystemCallError.check("SO_BROADCAST", relay_allow_broadcast(number))
        }
    }

    private static func join(
        _ number: Int32,
        _ definition: SessionDefinition,
        interfaceIndex: Int32
    ) throws(SystemCallError) {
        guard let group = definition.group else { preconditionFailure("a member has a group") }
        if definition.sources.isEmpty {
            try SystemCallError.check(
                "MCAST_JOIN_GROUP",
                relay_join(number, relay_endpoint(group), interfaceIndex)
            )
        }
        for source in definition.sources {
            try SystemCallError.check(
                "MCAST_JOIN_SOURCE_GROUP",
                relay_join_source(
                    number,
                    relay_endpoint(group),
                    relay_endpoint(source),
                    interfaceIndex
                )
            )
        }
    }

    static func localEndpoint(of number: Int32) throws(SystemCallError) -> Endpoint {
        var endpoint = relay_endpoint()
        // Safe because the call only writes the local.
        let result = unsafe relay_local_endpoint(number, &endpoint)
        try SystemCallError.check("getsockname", result)
        guard let endpoint = Endpoint(endpoint) else {
            throw SystemCallError("getsockname", EAFNOSUPPORT)
        }
        return endpoint
    }
}
