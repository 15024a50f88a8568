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

    init() {
        // Safe because each block has the size that C asks for and lives until deinit.
        unsafe headers = .allocate(byteCount: relay_batch_bytes(), alignment: 16)
        unsafe slots = .allocate(capacity: Self.capacity * Self.slotBytes)
        unsafe received = .allocate(capacity: Self.capacity)
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

    /// Receives without waiting: how many datagrams, or a negative errno; -EAGAIN = none.
    mutating func receive(from descriptor: Int32) -> Int {
        // Safe because the blocks have the sizes that C asks for.
        Int(unsafe relay_receive(descriptor, headers, received))
    }

    /// The datagram at an index below what `receive` returned.
    @inline(__always)
    func datagram(_ index: Int) -> ReceivedDatagram {
        precondition((0..<Self.capacity).contains(index))
        // Safe because the index is below the capacity of an initialized block.
        return ReceivedDatagram(unsafe received[index])
    }

    /// The length of the datagram at an index below what `receive` returned.
    @inline(__always)
    func length(_ index: Int) -> Int {
        precondition((0..<Self.capacity).contains(index))
        // Safe because the index is below the capacity of an initialized block.
        return Int(unsafe received[index].length)
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
        // Safe because the kernel wrote at most a slot, and slots live as long as self.
        let length = min(Int(unsafe received[index].length), Self.slotBytes)
        let bytes = unsafe UnsafeBufferPointer(start: slots + index * Self.slotBytes, count: length)
        return unsafe _overrideLifetime(Span(_unsafeElements: bytes), borrowing: self)
    }
}

/// A received datagram without its payload.
struct ReceivedDatagram {
    let source: Endpoint
    /// nil when the control message was missing.
    let destination: IPAddress?
    let localAddress: IPAddress?
    /// 0 = unknown.
    let interfaceIndex: Int32
    let ttl: UInt8?
    let length: Int
    let isTruncated: Bool

    @inline(__always)
    init(_ received: relay_received) {
        source = Endpoint(received.source) ?? Endpoint(.unspecified(.ipv4), port: 0)
        destination = IPAddress(received.destination)
        localAddress = IPAddress(received.local_address)
        interfaceIndex = received.interface_index
        ttl = UInt8(exactly: received.ttl)
        length = Int(received.length)
        isTruncated = received.truncated != 0
    }

    /// What the destination address is on this host.
    ///
    /// For a unicast datagram the kernel gives the destination as the local address too
    /// (`ipi_spec_dst`, ip(7)); where they differ and it is no group, it was a broadcast.
    @inline(__always)
    var destinationClass: DestinationClass? {
        guard let destination else { return nil }
        if destination.isMulticast { return .multicast }
        return localAddress == destination ? .unicast : .broadcast
    }
}
