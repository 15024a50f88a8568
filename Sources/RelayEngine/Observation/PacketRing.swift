import RelayModel

/// The newest packets of a session: fixed headers and a flat ring of payload bytes, allocated
/// when the first packet comes.
struct PacketRing: ~Copyable {
    /// Payload bytes kept per session at most, whatever the ring size and snap length.
    static let payloadBytesMax = 4 * 1_048_576

    let capacity: Int
    let snapLength: Int
    private var headers = FixedBuffer<Header>()
    private var payloads: PacketBytes?
    /// Packets in the ring.
    private(set) var count = 0
    /// The sequence number of the newest packet; 0 = none yet.
    private(set) var newest: UInt64 = 0
    /// Where its header is: dividing by the capacity for each packet would cost more than copying.
    private var newestIndex = 0
    /// Whether there is room for as many payloads as headers, so that only headers give way.
    private let payloadsFit: Bool

    init(capacity: Int, snapLength: Int) {
        self.capacity = capacity
        self.snapLength = snapLength
        payloadsFit = capacity * snapLength <= Self.payloadBytesMax
    }

    /// The sequence number of the oldest packet still there; newest + 1 when there is none.
    var oldest: UInt64 { newest + 1 - UInt64(count) }

    /// Remembers the datagrams of a range of a batch, each with why it was dropped.
    mutating func append(
        _ batch: borrowing ReceiveBatch,
        _ range: Range<Int>,
        _ reasons: borrowing InlineArray<64, DropReason?>,
        localPort: UInt16,
        at now: Timestamp
    ) {
        guard capacity > 0 else {
            newest += UInt64(range.count)
            return
        }
        if payloads == nil { allocate() }
        for index in range {
            let (position, captured) = store(batch.payload(index))
            headers[newestIndex] = Header(
                batch.datagram(index),
                localPort: localPort,
                dropReason: reasons[index],
                at: now,
                position: position,
                captured: captured
            )
        }
    }

    /// Gives the packet the next sequence number and remembers it, if the session keeps packets.
    mutating func append(_ header: Header, payload: Span<UInt8>) {
        guard capacity > 0 else {
            newest += 1
            return
        }
        if payloads == nil { allocate() }
        let (position, captured) = store(payload)
        headers[newestIndex] = header.captured(captured, at: position)
    }

    /// Gives the next sequence number, and keeps what is kept of the payload: where and how much.
    @inline(__always)
    private mutating func store(_ payload: Span<UInt8>) -> (position: Int, captured: Int) {
        let captured = min(payload.count, snapLength)
        // Before the packet is counted: `oldest` follows from `newest`.
        makeRoom(for: captured)
        newest += 1
        newestIndex = newestIndex + 1 == capacity ? 0 : newestIndex + 1
        let position = payloads?.append(payload, length: captured) ?? 0
        count += 1
        return (position, captured)
    }

    @inline(never)
    private mutating func allocate() {
        headers = FixedBuffer(repeating: .blank, count: capacity)
        // One snap length more, for what the wrap leaves unused.
        payloads = PacketBytes(
            capacity: min(capacity * snapLength, Self.payloadBytesMax) + snapLength
        )
    }

    private func header(_ sequence: UInt64) -> Header { headers[index(of: sequence)] }

    /// Where the header of a packet is that is still there.
    private func index(of sequence: UInt64) -> Int {
        let index = newestIndex - Int(newest - sequence)
        return index < 0 ? index + capacity : index
    }

    private func payload(_ header: Header) -> [UInt8] {
        payloads?.bytes(at: header.position, length: header.capturedLength) ?? []
    }

    /// Forgets the oldest packets until the header and the payload find room.
    @inline(__always)
    private mutating func makeRoom(for length: Int) {
        if count == capacity { count -= 1 }
        if payloadsFit { return }
        let position = payloads?.nextPosition(length: length) ?? 0
        let limit = position + length - (payloads?.capacity ?? 0)
        while count > 0 && header(oldest).position < limit { count -= 1 }
    }

    /// A copy of a packet that is still there.
    func packet(_ sequence: UInt64) -> CapturedPacket {
        precondition(sequence >= oldest && sequence <= newest)
        let header = header(sequence)
        return header.packet(sequence, payload: payload(header))
    }

    /// The direction of a packet that is still there.
    func direction(_ sequence: UInt64) -> CapturedPacket.Direction {
        header(sequence).direction
    }
}

// MARK: - Changing the size

extension PacketRing {
    /// Where a ring of another size begins.
    struct Beginning {
        fileprivate let sequence: UInt64
        /// Whether packets will be copied, so that memory is needed.
        fileprivate let hasPackets: Bool
    }

    /// The beginning of a ring for the newest packets of this one, as many as its capacity.
    func beginning(capacity: Int) -> Beginning {
        Beginning(
            sequence: newest - UInt64(min(count, capacity)),
            hasPackets: count > 0 && capacity > 0
        )
    }

    /// An empty ring for packets from a beginning on.
    init(capacity: Int, snapLength: Int, from beginning: Beginning) {
        self.init(capacity: capacity, snapLength: snapLength)
        newest = beginning.sequence
        if beginning.hasPackets { allocate() }
    }

    /// Copies packets that come next from a ring with the same sequence numbers, cut to the snap
    /// length; those that it has no more are left out. Whether there are no more to copy.
    mutating func catchUp(
        with ring: borrowing PacketRing,
        packetsMax: Int,
        bytesMax: Int
    ) -> Bool {
        if newest + 1 < ring.oldest { skip(to: ring.oldest - 1) }
        let (first, start) = (newest, payloads?.end ?? 0)
        while newest < ring.newest && newest - first < packetsMax
            && (payloads?.end ?? 0) - start < bytesMax
        {
            let header = ring.header(newest + 1)
            append(header, payload: ring.payload(header).span)
        }
        return newest == ring.newest
    }

    /// Forgets everything, and goes on after a sequence number.
    mutating func skip(to sequence: UInt64) {
        count = 0
        newest = sequence
    }
}
