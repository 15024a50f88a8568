extension UInt64 {
    /// A mask with the bits of a range of 0..<64 set.
    @inline(__always)
    init(bits range: Range<Int>) {
        self = range.isEmpty ? 0 : (~0 >> UInt64(64 - range.count)) << UInt64(range.lowerBound)
    }
}
