import CRelaySocket
import RelayModel

/// The arena that datagrams are received into: 64 slots, each larger than the largest datagram.
///
/// Allocated once for the relay thread and lent to each session's drain in turn.
@safe struct ReceiveBatch: ~Copyable {
    /// The most datagrams one receive returns.
    static let capacity = Int(RELAY_BATCH_DATAGRAMS)

    private let headers: UnsafeMutableRawPointer
    private let slots: UnsafeMutablePointer<UInt8>
    private let received: UnsafeMutablePointer<relay_received>
    /// See `endOfRun`.
    private var repeats: UInt64 = 0

    init() {
        // Safe because each block has the size that C asks for and lives until deinit.
        unsafe headers = .allocate(byteCount: relay_batch_bytes(), alignment: 64)
        let slotsBytes = Self.capacity * Self.slotBytes
        let bytes = UnsafeMutableRawPointer.allocate(
            byteCount: slotsBytes,
            alignment: Int(RELAY_HUGE_PAGE_BYTES)
        )
        unsafe relay_prefer_huge_pages(bytes, slotsBytes)
        unsafe slots = bytes.bindMemory(to: UInt8.self, capacity: slotsBytes)
        let descriptions = UnsafeMutableRawPointer.allocate(
            byteCount: Self.capacity * MemoryLayout<relay_received>.stride,
            alignment: 64
        )
        unsafe received = descriptions.bindMemory(to: relay_received.self, capacity: Self.capacity)
        unsafe received.initialize(repeating: relay_received(), count: Self.capacity)
        unsafe relay_batch_initialize(headers, slots)
    }

    deinit {
        // Safe because nothing borrowed from a noncopyable value outlives it.
        unsafe headers.deallocate()
        unsafe slots.deallocate()
        unsafe received.deallocate()
    }

    private static let slotBytes = Int(RELAY_SLOT_BYTES)

    /// Receives up to `limit` datagrams, 1 to `capacity`, without waiting: how many, or a negative
    /// errno; -EAGAIN = none.
    mutating func receive(from descriptor: Int32, limit: Int) -> Int {
        precondition((1...Self.capacity).contains(limit))
        // Safe because the blocks have the sizes that C asks for.
        let count = Int(unsafe relay_receive(descriptor, headers, received, Int32(limit)))
        repeats = unsafe relay_repeats(headers)
        return count
    }

    /// The datagram at an index below what `receive` returned.
    @inline(__always)
    func datagram(_ index: Int) -> ReceivedDatagram {
        precondition((0..<Self.capacity).contains(index))
        // Safe because the index is below the capacity of an initialized block.
        return ReceivedDatagram(unsafe received[index])
    }

    /// Says which address of this host the datagram came to, where the kernel does not.
    mutating func setLocalAddress(_ index: Int, _ address: IPAddress) {
        precondition((0..<Self.capacity).contains(index))
        // Safe because the index is below the capacity of an initialized block.
        unsafe received[index].local_high = address.high
        unsafe received[index].local_low = address.low
    }

    /// The length of the datagram at an index below what `receive` returned.
    @inline(__always)
    func length(_ index: Int) -> Int {
        precondition((0..<Self.capacity).contains(index))
        // Safe because the index is below the capacity of an initialized block.
        return Int(unsafe received[index].length)
    }

    /// Where the run of datagrams from an index on ends that have one origin: source, interface, local
    /// address and class of destination. What follows from these alone is the same for all of them.
    @inline(__always)
    func endOfRun(from index: Int, in range: Range<Int>) -> Int {
        let others = ~repeats & ~0 << UInt64(index + 1)
        return min(others.trailingZeroBitCount, range.upperBound)
    }

    /// When the datagram at an index arrived, where its socket asks for that; nil = unknown.
    func arrivalTime(_ index: Int) -> ArrivalTime? {
        precondition((0..<Self.capacity).contains(index))
        // Safe because the index is below the capacity of the initialized block.
        return ArrivalTime(word: unsafe relay_arrival(headers, Int32(index)))
    }

    /// The datagrams at the beginning of a range that arrived before a time.
    func arrivals(of range: Range<Int>, before time: ArrivalTime?) -> Range<Int> {
        guard let time else { return range.lowerBound..<range.lowerBound }
        let end = range.first { arrivalTime($0)?.isBefore(time) != true } ?? range.upperBound
        return range.lowerBound..<end
    }

    /// What C needs to send from the slots; the pointers must not leave the body.
    @inline(__always)
    func withReceived<Result>(
        _ body: (UnsafeMutableRawPointer, UnsafeMutablePointer<relay_received>) -> Result
    ) -> Result {
        // Safe because both blocks live as long as self.
        unsafe body(headers, received)
    }

    /// The payload of the datagram at an index below what `receive` returned.
    @inline(__always)
    @_lifetime(borrow self)
    func payload(_ index: Int) -> Span<UInt8> {
        precondition((0..<Self.capacity).contains(index))
        // Safe because a slot has room for every 16-bit length, and slots live as long as self.
        let bytes = unsafe UnsafeBufferPointer(
            start: slots + index * Self.slotBytes,
            count: Int(received[index].length)
        )
        return unsafe _overrideLifetime(Span(_unsafeElements: bytes), borrowing: self)
    }
}

/// A received datagram without its payload, as C describes it: a cache line.
struct ReceivedDatagram {
    let values: relay_received

    @inline(__always)
    init(_ values: relay_received) { self.values = values }

    var source: Endpoint {
        @inline(__always) get {
            Endpoint(sourceAddress, port: values.source_port, scopeID: values.source_scope_id)
        }
    }

    var sourceAddress: IPAddress {
        @inline(__always) get { address(values.source_high, values.source_low) }
    }

    var sourcePort: UInt16 { @inline(__always) get { values.source_port } }

    /// nil when the control message was missing.
    var destination: IPAddress? {
        @inline(__always) get {
            destinationClass == nil
                ? nil : address(values.destination_high, values.destination_low)
        }
    }

    /// The address of this host that it came to, or of the interface that it came in by; nil when
    /// the control message was missing, and of IPv6 multicast until `setLocalAddress` has said it.
    var localAddress: IPAddress? {
        @inline(__always) get {
            hasLocalAddress ? address(values.local_high, values.local_low) : nil
        }
    }

    var hasLocalAddress: Bool {
        @inline(__always) get {
            Int(values.destination_class) != RELAY_UNKNOWN
                && (values.family == 4 || values.local_high | values.local_low != 0)
        }
    }

    /// The address that an answer comes from: the one that was asked, or over IPv4 that of the
    /// interface; nil = the kernel's choice.
    var askedAddress: IPAddress? {
        @inline(__always) get {
            values.family == 6 && !isUnicast ? nil : localAddress
        }
    }

    /// 0 = unknown.
    var interfaceIndex: Int32 { @inline(__always) get { values.interface_index } }

    var ttl: UInt8? {
        @inline(__always) get { values.flags & UInt8(RELAY_HAS_TTL) != 0 ? values.ttl : nil }
    }

    var length: Int { @inline(__always) get { Int(values.length) } }

    /// DSCP (RFC 2474), 0–63; nil when its control message was not asked for.
    var dscp: UInt8? {
        @inline(__always) get {
            values.flags & UInt8(RELAY_HAS_DSCP) != 0
                ? values.flags >> UInt8(RELAY_DSCP_SHIFT) : nil
        }
    }

    /// Whether it did not fit in its slot.
    var isTruncated: Bool {
        @inline(__always) get { Int(values.length) == RELAY_TRUNCATED_LENGTH }
    }

    /// What the destination address is on this host; nil when the control message was missing.
    var destinationClass: DestinationClass? {
        @inline(__always) get {
            switch Int(values.destination_class) {
            case RELAY_UNICAST: .unicast
            case RELAY_MULTICAST: .multicast
            case RELAY_BROADCAST: .broadcast
            default: nil
            }
        }
    }

    /// Whether it came to one host; not where the control message was missing. For what asks of
    /// each datagram: comparing `destinationClass` is a call into another module.
    var isUnicast: Bool {
        @inline(__always) get { Int(values.destination_class) == RELAY_UNICAST }
    }

    /// Whether source, interface, local address and class of destination are those of another
    /// datagram, so that what follows from them alone is the same for both.
    @inline(__always)
    func hasOrigin(of other: ReceivedDatagram) -> Bool {
        var (left, right) = (values, other.values)
        // Safe because the pointers end with the call.
        return unsafe relay_has_same_origin(&left, &right) != 0
    }

    /// The source address and port, for tables of sources: equal ones have equal keys.
    var sourceKey: UInt64 {
        @inline(__always) get {
            let port = UInt64(values.source_port) &<< 48
            let place = port ^ UInt64(values.source_scope_id) &<< 16
            return (values.source_low ^ place) &* 0x9E37_79B9_7F4A_7C15 ^ values.source_high
        }
    }

    @inline(__always)
    private func address(_ high: UInt64, _ low: UInt64) -> IPAddress {
        values.family == 4
            ? IPAddress(ipv4: UInt32(truncatingIfNeeded: low)) : IPAddress(ipv6High: high, low: low)
    }
}
