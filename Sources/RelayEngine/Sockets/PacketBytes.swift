/// A flat ring of payload bytes: the newest overwrite the oldest, each payload is contiguous.
///
/// Positions count every byte ever reserved, so a payload is still there as long as its position
/// is not more than `capacity` behind `end`.
@safe struct PacketBytes: ~Copyable {
    let capacity: Int
    private let memory: UnsafeMutablePointer<UInt8>
    /// The position after the newest payload.
    private(set) var end = 0
    /// Where that is in memory, below the capacity: dividing costs more than copying a header.
    private var offset = 0

    /// Room for `capacity` bytes, at least 1.
    init(capacity: Int) {
        self.capacity = max(capacity, 1)
        // Safe because the block lives until deinit and is written before it is read.
        unsafe memory = .allocate(capacity: self.capacity)
    }

    deinit {
        // Safe because nothing borrowed from a noncopyable value outlives it.
        unsafe memory.deallocate()
    }

    /// Where the next payload of this length would start: at the wrap rather than across it.
    @inline(__always)
    func nextPosition(length: Int) -> Int {
        offset + length <= capacity ? end : end + capacity - offset
    }

    /// Copies the first `length` bytes in, and returns their position.
    @inline(__always)
    mutating func append(_ payload: Span<UInt8>, length: Int) -> Int {
        precondition(length <= payload.count && length <= capacity)
        let position = nextPosition(length: length)
        if position != end { offset = 0 }
        // Safe because offset + length <= capacity, by `nextPosition`.
        let start = unsafe memory + offset
        unsafe payload.withUnsafeBufferPointer { bytes in
            if let base = bytes.baseAddress, length > 0 {
                unsafe start.update(from: base, count: length)
            }
        }
        end = position + length
        offset = offset + length == capacity ? 0 : offset + length
        return position
    }

    /// A copy of the bytes at a position that `append` returned and that is still there.
    func bytes(at position: Int, length: Int) -> [UInt8] {
        precondition(position >= end - capacity && position + length <= end)
        // Safe because the payload was stored contiguously and has not been overwritten.
        return unsafe Array(
            UnsafeBufferPointer(start: memory + position % capacity, count: length)
        )
    }
}
