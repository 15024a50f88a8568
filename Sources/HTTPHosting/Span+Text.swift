extension Span where Element == UInt8 {
    /// The first byte, if there is one.
    var first: UInt8? { isEmpty ? nil : self[0] }

    /// Where `byte` is first found at or after `start`; the count if it is not.
    func firstIndex(of byte: UInt8, from start: Int) -> Int {
        var index = start
        while index < count && self[index] != byte { index += 1 }
        return index
    }

    /// The bytes of a range as text; what is not UTF-8 becomes U+FFFD.
    func text(_ range: Range<Int>) -> String {
        let bytes = extracting(range)
        if let valid = try? UTF8Span(validating: bytes) { return String(copying: valid) }
        var copy: [UInt8] = []
        copy.reserveCapacity(bytes.count)
        for index in bytes.indices { copy.append(bytes[index]) }
        return String(decoding: copy, as: UTF8.self)
    }
}
