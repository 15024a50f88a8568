extension [UInt8] {
    /// The bytes of a span, copied at once.
    init(copying bytes: Span<UInt8>) {
        // Safe because the array is made before the span ends.
        self = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
    }
}
