import CRelaySocket
import RelayModel

extension PacketRing {
    /// A remembered packet without its payload: its values side by side, 96 bytes of them, because
    /// one is written for each datagram.
    struct Header {
        /// Which of the values are known that `values` does not tell.
        private struct Known: OptionSet {
            let rawValue: UInt8

            static let source = Known(rawValue: 1)
            static let dropReason = Known(rawValue: 2)
        }

        /// As it was received; of a datagram that was sent, what is known of it in the same form.
        private let values: relay_received
        private let at: Timestamp
        /// Where the payload is.
        private(set) var position: Int
        private let destinationScopeID: UInt32
        /// The bytes of the payload that are kept.
        private var capturedBytes: UInt16
        private let destinationPort: UInt16
        let direction: CapturedPacket.Direction
        private let dropReason: DropReason
        private let known: Known
    }
}

extension PacketRing.Header {
    /// A datagram that was received at a port.
    @inline(__always)
    init(
        _ datagram: ReceivedDatagram,
        localPort: UInt16,
        dropReason: DropReason?,
        at now: Timestamp,
        position: Int = 0,
        captured: Int = 0
    ) {
        values = datagram.values
        self.position = position
        capturedBytes = UInt16(truncatingIfNeeded: captured)
        at = now
        destinationScopeID = 0
        destinationPort = localPort
        direction = .received
        self.dropReason = dropReason ?? .malformed
        known = dropReason == nil ? .source : [.source, .dropReason]
    }

    /// A datagram that was sent.
    ///
    /// - Parameters:
    ///   - source: of the destination's family; nil where the kernel chose it.
    ///   - interfaceIndex: 0 = by route.
    ///   - ttl: nil = not known.
    ///   - length: 0 to 65 535 bytes.
    init(
        sentTo destination: Endpoint,
        _ destinationClass: DestinationClass,
        from source: Endpoint?,
        interfaceIndex: Int32,
        ttl: UInt8?,
        length: Int,
        at now: Timestamp
    ) {
        values = relay_received(
            source_high: source?.address.high ?? 0,
            source_low: source?.address.low ?? 0,
            source_scope_id: source?.scopeID ?? 0,
            interface_index: interfaceIndex,
            source_port: source?.port ?? 0,
            family: destination.address.family.rawValue,
            destination_class: UInt8(destinationClass.inC),
            length: UInt16(clamping: length),
            flags: ttl == nil ? 0 : UInt8(RELAY_HAS_TTL),
            ttl: ttl ?? 0,
            destination_high: destination.address.high,
            destination_low: destination.address.low,
            local_high: 0,
            local_low: 0
        )
        position = 0
        capturedBytes = 0
        at = now
        destinationScopeID = destination.scopeID
        destinationPort = destination.port
        direction = .sent
        dropReason = .malformed
        known = source == nil ? [] : .source
    }

    /// What a ring's memory is filled with.
    static var blank: Self {
        Self(
            sentTo: Endpoint(IPAddress(ipv4: 0), port: 0),
            .unicast,
            from: nil,
            interfaceIndex: 0,
            ttl: nil,
            length: 0,
            at: Timestamp(nanoseconds: 0)
        )
    }

    /// The same with a payload, of which so many bytes are kept at a position.
    @inline(__always)
    func captured(_ length: Int, at position: Int) -> Self {
        var header = self
        header.capturedBytes = UInt16(truncatingIfNeeded: length)
        header.position = position
        return header
    }

    /// The bytes of the payload that are kept.
    var capturedLength: Int { Int(capturedBytes) }

    /// The packet with this sequence number and this payload.
    func packet(_ sequence: UInt64, payload: [UInt8]) -> CapturedPacket {
        let datagram = ReceivedDatagram(values)
        return CapturedPacket(
            sequence: sequence,
            at: at,
            direction: direction,
            source: known.contains(.source) ? datagram.source : nil,
            destination: Endpoint(
                datagram.destination ?? .unspecified(datagram.sourceAddress.family),
                port: destinationPort,
                scopeID: destinationScopeID
            ),
            destinationClass: datagram.destinationClass ?? .unicast,
            interfaceIndex: datagram.interfaceIndex,
            localAddress: direction == .received ? datagram.localAddress : nil,
            ttl: datagram.ttl,
            dscp: datagram.dscp,
            length: datagram.length,
            dropReason: known.contains(.dropReason) ? dropReason : nil,
            payload: payload
        )
    }
}

extension DestinationClass {
    /// As C says it.
    fileprivate var inC: Int {
        switch self {
        case .unicast: RELAY_UNICAST
        case .multicast: RELAY_MULTICAST
        case .broadcast: RELAY_BROADCAST
        }
    }
}
