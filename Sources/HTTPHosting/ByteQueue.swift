/// Bytes on their way to a client: chunks in order, shared with other queues and never copied.
struct ByteQueue: Sendable {
    private var chunks: [[UInt8]] = []
    private var first = 0
    private var offset = 0

    /// How many bytes wait.
    private(set) var byteCount = 0

    /// How many chunks wait, the one that is half taken among them.
    var chunkCount: Int { chunks.count - first }

    /// Appends a chunk.
    mutating func append(_ chunk: [UInt8]) {
        guard !chunk.isEmpty else { return }
        chunks.append(chunk)
        byteCount += chunk.count
    }

    /// Takes out up to `bytesMax` bytes, which `copy` gets piece by piece.
    ///
    /// - Returns: how many there were.
    mutating func take(_ bytesMax: Int, _ copy: (Span<UInt8>) -> Void) -> Int {
        var taken = 0
        while taken < bytesMax && first < chunks.count {
            let chunk = chunks[first]
            let end = min(chunk.count, offset + bytesMax - taken)
            let bytes = chunk.span
            copy(bytes.extracting(offset..<end))
            taken += end - offset
            offset = end
            if end == chunk.count {
                chunks[first] = []
                (first, offset) = (first + 1, 0)
            }
        }
        byteCount -= taken
        // Amortised: what is moved is at most what has been taken since.
        if first * 2 >= chunks.count {
            chunks.removeFirst(first)
            first = 0
        }
        return taken
    }
}
