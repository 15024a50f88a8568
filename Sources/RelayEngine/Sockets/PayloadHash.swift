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
