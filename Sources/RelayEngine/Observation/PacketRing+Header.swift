import CRelaySocket
import RelayModel

extension PacketRing {
    /// A remembered packet without its payload: its values side by side, 96 bytes of them, because
    /// one is written for each datagram.
    struct Header {
        /// Which of the values are known.
        private struct Known: OptionSet {
            let rawValue: UInt8

            static let source = Known(rawValue: 1)
            static let localAddress = Known(rawValue: 2)
            static let ttl = Known(rawValue: 4)
            static let dropReason = Known(rawValue: 8)
            static let dscp = Known(rawValue: 16)
        }

        private let source: AddressBits
        private let destination: AddressBits
        private let local: AddressBits
        private let at: Timestamp
        /// Where the payload is.
        private(set) var position = 0
        private let sourceScopeID: UInt32
        private let destinationScopeID: UInt32
        private let interfaceIndex: Int32
        private let length: UInt16
        /// The bytes of the payload that are kept.
        private var capturedBytes: UInt16 = 0
        private let sourcePort: UInt16
        private let destinationPort: UInt16
        private let family: IPAddress.Family
        private let destinationClass: DestinationClass
        let direction: CapturedPacket.Direction
        private let ttl: UInt8
        private let dscp: UInt8
        private let dropReason: DropReason
        private let known: Known
    }
}

/// The bits of an address, whose family is kept elsewhere.
private struct AddressBits {
    let high: UInt64
    let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// nil = zeros.
    init(_ address: IPAddress?) {
        high = address?.high ?? 0
        low = address?.low ?? 0
    }

    func address(_ family: IPAddress.Family) -> IPAddress {
        switch family {
        case .ipv4: IPAddress(ipv4: UInt32(truncatingIfNeeded: low))
        case .ipv6: IPAddress(ipv6High: high, low: low)
        }
    }
}

extension PacketRing.Header {
    /// A datagram that was received at a port.
    @inline(__always)
    init(
        _ datagram: ReceivedDatagram,
        localPort: UInt16,
        dropReason: DropReason?,
        at now: Timestamp
    ) {
        let values = datagram.values
        source = AddressBits(high: values.source_high, low: values.source_low)
        destination = AddressBits(high: values.destination_high, low: values.destination_low)
        local = AddressBits(high: values.local_high, low: values.local_low)
        at = now
        sourceScopeID = values.source_scope_id
        destinationScopeID = 0
        interfaceIndex = values.interface_index
        length = values.length
        sourcePort = values.source_port
        destinationPort = localPort
        family = values.family == 4 ? .ipv4 : .ipv6
        destinationClass = datagram.destinationClass ?? .unicast
        direction = .received
        ttl = values.ttl
        dscp = datagram.dscp ?? 0
        self.dropReason = dropReason ?? .malformed
        var known = Known.source
        if datagram.hasLocalAddress { known.insert(.localAddress) }
        if datagram.ttl != nil { known.insert(.ttl) }
        if datagram.dscp != nil { known.insert(.dscp) }
        if dropReason != nil { known.insert(.dropReason) }
        self.known = known
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
        self.source = AddressBits(source?.address)
        self.destination = AddressBits(destination.address)
        local = AddressBits(nil)
        at = now
        sourceScopeID = source?.scopeID ?? 0
        destinationScopeID = destination.scopeID
        self.interfaceIndex = interfaceIndex
        self.length = UInt16(clamping: length)
        sourcePort = source?.port ?? 0
        destinationPort = destination.port
        family = destination.address.family
        self.destinationClass = destinationClass
        direction = .sent
        self.ttl = ttl ?? 0
        dscp = 0
        dropReason = .malformed
        var known: Known = []
        if source != nil { known.insert(.source) }
        if ttl != nil { known.insert(.ttl) }
        self.known = known
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
        CapturedPacket(
            sequence: sequence,
            at: at,
            direction: direction,
            source: known.contains(.source)
                ? Endpoint(source.address(family), port: sourcePort, scopeID: sourceScopeID) : nil,
            destination: Endpoint(
                destination.address(family),
                port: destinationPort,
                scopeID: destinationScopeID
            ),
            destinationClass: destinationClass,
            interfaceIndex: interfaceIndex,
            localAddress: known.contains(.localAddress) ? local.address(family) : nil,
            ttl: known.contains(.ttl) ? ttl : nil,
            dscp: known.contains(.dscp) ? dscp : nil,
            length: Int(length),
            dropReason: known.contains(.dropReason) ? dropReason : nil,
            payload: payload
        )
    }
}
