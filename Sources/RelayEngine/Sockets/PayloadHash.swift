import RelayModel

extension Hasher {
    /// Feeds the bytes of a span.
    mutating func combine(_ bytes: Span<UInt8>) {
        // Safe because the pointer does not leave the call.
        unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe combine(bytes: UnsafeRawBufferPointer(buffer))
        }
    }
}

extension Span<UInt8> {
    /// The first and the last eight bytes as words, which overlap where there are fewer than 16;
    /// of fewer than eight bytes all, and 0.
    var ends: (UInt64, UInt64) {
        // Safe because both words are inside the buffer, which does not leave the call.
        unsafe withUnsafeBytes { bytes in
            if bytes.count < 8 {
                return (unsafe bytes.reduce(0) { $0 << 8 | UInt64($1) }, 0)
            }
            return (
                unsafe bytes.loadUnaligned(as: UInt64.self),
                unsafe bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
            )
        }
    }
}
