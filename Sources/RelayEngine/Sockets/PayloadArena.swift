/// Payloads one behind the other in one growing block, which its owner moves together.
@safe struct PayloadArena: ~Copyable {
    private(set) var capacity = 0
    private var memory: UnsafeMutablePointer<UInt8>?
    /// The position after the newest payload.
    private(set) var end = 0

    init() {}

    deinit {
        // Safe because nothing borrowed from a noncopyable value outlives it.
        unsafe memory?.deallocate()
    }

    /// Makes the block larger; what is in it stays where it is.
    mutating func grow(to newCapacity: Int) {
        precondition(newCapacity > capacity)
        // Safe because the new block is larger than what is copied from the old one.
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity)
        if let memory = unsafe memory {
            unsafe larger.update(from: memory, count: end)
            unsafe memory.deallocate()
        }
        unsafe memory = larger
        capacity = newCapacity
    }

    /// Copies a payload in, and returns its position.
    mutating func append(_ payload: Span<UInt8>) -> Int {
        precondition(payload.count <= capacity - end)
        let position = end
        // Safe because the bytes fit behind `end`.
        unsafe payload.withUnsafeBufferPointer { bytes in
            if let base = bytes.baseAddress, let memory = unsafe memory, bytes.count > 0 {
                unsafe (memory + position).update(from: base, count: bytes.count)
            }
        }
        end += payload.count
        return position
    }

    /// The payload at a position that `append` or `move` returned.
    @_lifetime(borrow self)
    func payload(at position: Int, length: Int) -> Span<UInt8> {
        precondition(position >= 0 && length >= 0 && position + length <= end)
        // Safe because the bytes are inside what was written, and the block lives as long as self.
        let bytes = unsafe UnsafeBufferPointer(
            start: memory.map { unsafe $0 + position },
            count: length
        )
        return unsafe _overrideLifetime(Span(_unsafeElements: bytes), borrowing: self)
    }

    /// Forgets what is in the block, so that payloads can be moved together from its beginning on,
    /// in the order of their positions.
    mutating func beginMoving() { end = 0 }

    /// Moves a payload to the others, and returns its new position.
    mutating func move(from position: Int, length: Int) -> Int {
        precondition(position >= end && length >= 0 && position + length <= capacity)
        let newPosition = end
        // Safe because both places are inside the block; `update` allows that they overlap.
        if let memory = unsafe memory, newPosition != position {
            unsafe (memory + newPosition).update(from: memory + position, count: length)
        }
        end += length
        return newPosition
    }
}
