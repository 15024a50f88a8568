import CRelaySocket
import RelayModel

/// Datagrams gathered for one sendmmsg, with an arena for their payloads.
///
/// Allocated once for the relay thread.
@safe struct SendBatch: ~Copyable {
    /// The most datagrams in a batch.
    static let capacity = Int(RELAY_BATCH_DATAGRAMS)
    /// Payload bytes in a batch; more than the largest datagram, so every datagram fits in an
    /// empty batch.
    static let arenaBytes = 4 * 65_536

    private let outgoing: UnsafeMutablePointer<relay_outgoing>
    private let arena: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private var bytesUsed = 0
    /// Those that are said to go to a group or broadcast address, as bits.
    private var toAll: UInt64 = 0

    init() {
        // Safe because both blocks live until deinit.
        unsafe outgoing = .allocate(capacity: Self.capacity)
        unsafe outgoing.initialize(repeating: relay_outgoing(), count: Self.capacity)
        unsafe arena = .allocate(capacity: Self.arenaBytes)
    }

    deinit {
        // Safe because nothing borrowed from a noncopyable value outlives it.
        unsafe outgoing.deallocate()
        unsafe arena.deallocate()
    }

    mutating func removeAll() {
        count = 0
        bytesUsed = 0
        toAll = 0
    }

    /// Copies a datagram in, with the socket's TTL and DSCP unless others are given; false when the
    /// batch is full and must be sent first.
    mutating func append(
        _ payload: Span<UInt8>,
        to destination: Endpoint,
        interfaceIndex: Int32,
        localAddress: IPAddress?,
        isToAll: Bool = false,
        ttl: UInt8? = nil,
        dscp: UInt8? = nil
    ) -> Bool {
        guard count < Self.capacity, payload.count <= Self.arenaBytes - bytesUsed else {
            return false
        }
        // Safe because the bytes fit between `bytesUsed` and the end of the arena, and the
        // datagram points at a block that lives as long as self.
        let start = unsafe arena + bytesUsed
        unsafe payload.withUnsafeBufferPointer { bytes in
            if let base = bytes.baseAddress, bytes.count > 0 {
                unsafe start.update(from: base, count: bytes.count)
            }
        }
        unsafe outgoing[count] = relay_outgoing(
            bytes: start,
            length: UInt32(payload.count),
            interface_index: interfaceIndex,
            ttl: Int32(ttl ?? 0),
            dscp: dscp.map { Int32($0) } ?? -1,
            destination: relay_endpoint(destination),
            local_address: localAddress.map { relay_endpoint($0) } ?? .none
        )
        if isToAll { toAll |= 1 &<< UInt64(count) }
        bytesUsed += payload.count
        count += 1
        return true
    }

    /// Sends the datagrams from an index on, without waiting: how many left, or a negative errno.
    func send(from first: Int, on descriptor: Int32) -> Int {
        precondition((0...count).contains(first))
        // Safe because the range first..<count is initialized.
        return Int(unsafe relay_send(descriptor, outgoing + first, Int32(count - first)))
    }

    /// The destination of a datagram in the batch.
    func destination(_ index: Int) -> Endpoint {
        precondition((0..<count).contains(index))
        // Safe because the index is below the initialized count; only `append` writes addresses.
        return Endpoint(unsafe outgoing[index].destination)
            ?? Endpoint(.unspecified(.ipv4), port: 0)
    }

    /// Whether a datagram in the batch is said to go to a group or broadcast address.
    func isToAll(_ index: Int) -> Bool { toAll & 1 &<< UInt64(index) != 0 }

    /// The source address that a datagram in the batch asks for; nil = the kernel's choice.
    func localAddress(_ index: Int) -> IPAddress? {
        precondition((0..<count).contains(index))
        // Safe because the index is below the initialized count.
        return IPAddress(unsafe outgoing[index].local_address)
    }

    /// The outbound interface that a datagram in the batch asks for; 0 = the socket's or by route.
    func interfaceIndex(_ index: Int) -> Int32 {
        precondition((0..<count).contains(index))
        // Safe because the index is below the initialized count.
        return unsafe outgoing[index].interface_index
    }

    /// Leaves the source addresses to the kernel from an index on; false where they were already.
    mutating func forgetLocalAddresses(from first: Int) -> Bool {
        var hadAny = false
        for index in first..<count {
            // Safe because the index is below the initialized count.
            if unsafe outgoing[index].local_address.family == 0 { continue }
            hadAny = true
            unsafe outgoing[index].local_address = .none
        }
        return hadAny
    }

    /// The TTL that a datagram in the batch asks for; nil = the socket's.
    func ttl(_ index: Int) -> UInt8? {
        precondition((0..<count).contains(index))
        // Safe because the index is below the initialized count.
        let ttl = unsafe outgoing[index].ttl
        return ttl == 0 ? nil : UInt8(clamping: ttl)
    }

    /// The payload of a datagram in the batch.
    @_lifetime(borrow self)
    func payload(_ index: Int) -> Span<UInt8> {
        precondition((0..<count).contains(index))
        // Safe because the bytes are inside the arena, which lives as long as self.
        let item = unsafe outgoing[index]
        let bytes = unsafe UnsafeBufferPointer(start: item.bytes, count: Int(item.length))
        return unsafe _overrideLifetime(Span(_unsafeElements: bytes), borrowing: self)
    }
}
