/// A datagram as a session remembers it.
package struct CapturedPacket: Hashable, Sendable {
    package enum Direction: UInt8, Sendable, CaseIterable {
        case received = 0
        case sent = 1

        /// The word in JSON.
        package var name: String { self == .received ? "received" : "sent" }
    }

    /// Counts the session's packets of both directions from 1.
    package var sequence: UInt64
    package var at: Timestamp
    package var direction: Direction
    /// nil for a sent datagram whose source address the kernel chose.
    package var source: Endpoint?
    package var destination: Endpoint
    package var destinationClass: DestinationClass
    /// The interface index it came in or went out by; 0 = not known.
    package var interfaceIndex: Int32
    /// The local address of the inbound interface (`ipi_spec_dst`, ip(7)); nil = not known.
    package var localAddress: IPAddress?
    /// TTL or hop limit; nil = not known.
    package var ttl: UInt8?
    /// DSCP (RFC 2474) of a received datagram, 0–63; nil = not asked for.
    package var dscp: UInt8?
    /// Payload bytes of the datagram.
    package var length: Int
    /// nil = accepted, or sent.
    package var dropReason: DropReason?
    /// The first bytes of the payload, at most the snap length.
    package var payload: [UInt8]

    package init(
        sequence: UInt64,
        at: Timestamp,
        direction: Direction,
        source: Endpoint?,
        destination: Endpoint,
        destinationClass: DestinationClass,
        interfaceIndex: Int32,
        localAddress: IPAddress?,
        ttl: UInt8?,
        dscp: UInt8? = nil,
        length: Int,
        dropReason: DropReason?,
        payload: [UInt8]
    ) {
        self.sequence = sequence
        self.at = at
        self.direction = direction
        self.source = source
        self.destination = destination
        self.destinationClass = destinationClass
        self.interfaceIndex = interfaceIndex
        self.localAddress = localAddress
        self.ttl = ttl
        self.dscp = dscp
        self.length = length
        self.dropReason = dropReason
        self.payload = payload
    }
}
