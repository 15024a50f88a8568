import CRelaySocket
import Glibc
import RelayModel
import Synchronization

/// The socket of a forward target by address: it only sends.
///
/// It shares nothing with the session's socket, so what the network reports of one target's
/// datagrams (ICMP) never fails those of another.
final class EgressSocket: Sendable {
    /// Whether `close` was called.
    private let isClosed = Atomic(false)
    /// The receive drops that were asked for last, modulo 2^32.
    private let receiveDrops = Atomic<UInt32>(0)
    /// The descriptor's number, for the relay thread.
    let number: Int32
    let localEndpoint: Endpoint

    private init(_ descriptor: consuming Descriptor, localEndpoint: Endpoint) {
        self.localEndpoint = localEndpoint
        number = descriptor.release()
    }

    deinit { close() }

    /// Closes the descriptor; harmless when repeated, on any thread.
    func close() {
        let wasClosed = isClosed.exchange(true, ordering: .relaxed)
        if !wasClosed { _ = Descriptor(owning: number) }
    }
}

// MARK: - On the relay thread only

extension EgressSocket {
    /// Sends from an index of the batch on, without waiting: how many left, or a negative errno.
    func send(_ batch: borrowing SendBatch, from first: Int) -> Int {
        batch.send(from: first, on: number)
    }

    /// Receives without waiting: how many datagrams, or a negative errno; -EAGAIN = none.
    func receive(into batch: inout ReceiveBatch) -> Int {
        batch.receive(from: number, limit: ReceiveBatch.capacity)
    }

    /// What the kernel has dropped at the receive buffer since it was asked last.
    func takeReceiveDrops() -> UInt64 {
        let result = relay_receive_drops(number)
        guard result >= 0 else { return 0 }
        let drops = UInt32(truncatingIfNeeded: result)
        return UInt64(drops &- receiveDrops.exchange(drops, ordering: .relaxed))
    }

    /// Asks for another receive buffer; where the kernel refuses, it stays as it is.
    func setReceiveBuffer(_ bytes: Int) { _ = try? SessionSocket.setReceiveBuffer(number, bytes) }
}

// MARK: - Opening

extension EgressSocket {
    /// What is asked of the kernel's buffers (SO_SNDBUF, socket(7)): a batch of the largest
    /// datagrams; and for what nobody reads only the errors that the network reports.
    private static let sendBufferBytes = 64 * 65_536
    private static let errorBufferBytes = 16_384

    /// Opens a socket that sends to an endpoint by an interface.
    ///
    /// Throws the first call that the kernel refused, and EMFILE for a descriptor at or above the
    /// ceiling.
    ///
    /// - Parameters:
    ///   - receives: whether answers will be read from it.
    ///   - receiveBufferBytes: what is asked for answers; nil = the system's default.
    ///   - sourcePort: the port that it keeps for a sender; nil = the endpoint's own.
    ///   - readsDSCP: whether their DSCP will be looked at.
    static func open(
        _ endpoint: ForwardEndpoint,
        to destination: Endpoint,
        interfaceIndex: Int32,
        receives: Bool,
        receiveBufferBytes: Int? = nil,
        sourcePort: UInt16? = nil,
        readsDSCP: Bool = false,
        descriptorCeiling: Int32
    ) throws(SystemCallError) -> EgressSocket {
        let family = Int32(endpoint.address.family.rawValue)
        let descriptor = Descriptor(
            owning: try SystemCallError.check("socket", relay_socket_open(family))
        )
        let number = descriptor.number
        guard number < descriptorCeiling else { throw SystemCallError("socket", EMFILE) }
        try SystemCallError.check("IP_MULTICAST_ALL", relay_isolate_groups(number, family))
        try SystemCallError.check("IP_RECVERR", relay_report_errors(number, family))
        try SystemCallError.check(
            "IP_TTL",
            relay_set_ttl(number, family, Int32(endpoint.effectiveTTL))
        )
        if endpoint.dscp != 0 {
            let result = relay_set_dscp(number, family, Int32(endpoint.dscp))
            try SystemCallError.check("IP_TOS", result)
        }
        if readsDSCP {
            try SystemCallError.check("IP_RECVTOS", relay_request_dscp(number, family, 1))
        }
        if receives {
            try SystemCallError.check("IP_PKTINFO", relay_request_metadata(number, family))
        }
        if let bytes = receives ? receiveBufferBytes : Self.errorBufferBytes {
            try SessionSocket.setReceiveBuffer(number, bytes)
        }
        try SystemCallError.check(
            "SO_SNDBUF",
            relay_set_send_buffer(number, Int32(sendBufferBytes))
        )
        if endpoint.address.isMulticast {
            try prepareForGroup(number, endpoint, interfaceIndex)
        } else if family == 4 {
            try SystemCallError.check("SO_BROADCAST", relay_allow_broadcast(number))
        }
        if endpoint.sourceMode == .preserve {
            try SystemCallError.check("IP_TRANSPARENT", relay_allow_foreign_sources(number, family))
            try bindToSend(number, endpoint, port: sourcePort ?? endpoint.localPort)
        } else {
            if endpoint.address == .limitedBroadcast {
                // It has no route of its own, which connect(2) would need.
                try SystemCallError.check(
                    "SO_BINDTOIFINDEX",
                    relay_bind_to_interface(number, interfaceIndex)
                )
            }
            try bind(number, endpoint, to: destination)
            // The kernel has chosen a port that is free. Where nothing is to be received, a socket
            // that keeps it for a sender may have it, too.
            if !receives { try SystemCallError.check("SO_REUSEADDR", relay_share_port(number)) }
        }
        let localEndpoint = try SessionSocket.localEndpoint(of: number)
        return EgressSocket(descriptor, localEndpoint: localEndpoint)
    }

    private static func prepareForGroup(
        _ number: Int32,
        _ endpoint: ForwardEndpoint,
        _ interfaceIndex: Int32
    ) throws(SystemCallError) {
        let family = Int32(endpoint.address.family.rawValue)
        try SystemCallError.check(
            "IP_MULTICAST_LOOP",
            relay_set_multicast_loopback(number, family, endpoint.loopback ? 1 : 0)
        )
        try SystemCallError.check(
            "IP_MULTICAST_IF",
            relay_set_multicast_interface(number, family, interfaceIndex)
        )
    }

    /// An address that no datagram may go to, so that a socket bound to it receives nothing: the
    /// IPv4 dummy address (RFC 7600), and one of the IPv6 discard prefix (RFC 6666).
    private static func unreachable(_ family: IPAddress.Family) -> IPAddress {
        family == .ipv4
            ? IPAddress(ipv4: 0xC000_0008) : IPAddress(ipv6High: 0x0100 << 48, low: 1)
    }

    /// Bound like this, the socket has its port and takes no datagram from any other program, also
    /// when the sender's address is one of this host; each datagram says its source address.
    private static func bindToSend(
        _ number: Int32,
        _ endpoint: ForwardEndpoint,
        port: UInt16
    ) throws(SystemCallError) {
        let local = Endpoint(unreachable(endpoint.address.family), port: port)
        if port != 0 { try SystemCallError.check("SO_REUSEADDR", relay_share_port(number)) }
        // Who reads it knows nothing of the address.
        try SystemCallError.check("bind port \(port)", relay_bind(number, relay_endpoint(local)))
    }

    /// A port that is shared must not take unicast from the sockets that listen on it: connected,
    /// this one receives nothing but the destination's.
    private static func bind(
        _ number: Int32,
        _ endpoint: ForwardEndpoint,
        to destination: Endpoint
    ) throws(SystemCallError) {
        let wildcard = Endpoint(.unspecified(endpoint.address.family), port: endpoint.localPort)
        if endpoint.localPort != 0 {
            try SystemCallError.check("SO_REUSEADDR", relay_share_port(number))
        }
        try SystemCallError.check("bind \(wildcard)", relay_bind(number, relay_endpoint(wildcard)))
        if endpoint.localPort != 0 {
            try SystemCallError.check(
                "connect \(destination)",
                relay_connect(number, relay_endpoint(destination))
            )
        }
    }
}
