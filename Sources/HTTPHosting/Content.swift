/// The bytes of a response (RFC 9110, 6.4), which never change: written once, sent from where they
/// are, and given back when the last response that has them is over.
@safe package struct Content: Sendable {
    /// What keeps the bytes.
    let block: Block

    /// No bytes.
    package static let empty = Content([])

    /// A copy of bytes.
    package init(_ bytes: [UInt8]) {
        var buffer = ByteBuffer(capacity: bytes.count)
        buffer.append(bytes.span)
        self.init(buffer)
    }

    /// The bytes of a buffer, which are not copied.
    init(_ buffer: consuming ByteBuffer) { block = Block(buffer) }

    /// How many bytes there are.
    package var count: Int { block.buffer.count }

    /// A copy of the bytes.
    package var bytes: [UInt8] { block.buffer.array }

    /// The bytes for C, which must give them back to `release` once.
    func retained() -> (start: UnsafeMutableRawPointer, owner: UnsafeMutableRawPointer) {
        // Safe because the block is retained until it is given back, and does not change.
        unsafe (block.buffer.memory, Unmanaged.passRetained(block).toOpaque())
    }

    /// Takes back what `retained` gave.
    static func release(_ owner: UnsafeMutableRawPointer) {
        unsafe Unmanaged<Block>.fromOpaque(owner).release()
    }

    final class Block: Sendable {
        let buffer: ByteBuffer

        init(_ buffer: consuming ByteBuffer) { self.buffer = buffer }
    }
}

extension Content: ExpressibleByArrayLiteral, Equatable {
    package init(arrayLiteral elements: UInt8...) { self.init(elements) }

    package static func == (left: Content, right: Content) -> Bool { left.bytes == right.bytes }
}
