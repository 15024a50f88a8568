/// Bytes that are only appended to, in memory of their own.
///
/// What `[UInt8]` does too, but each append of that looks at a reference count and is a call, which
/// is half of what it costs to write JSON.
@safe struct ByteBuffer: ~Copyable, Sendable {
    // Safe because the memory has `capacity` bytes, `reserve` comes before every write, only the
    // first `count` bytes are ever read, and whoever has the pointer from `memory` only reads, while
    // the buffer lives and is not appended to.
    private nonisolated(unsafe) var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int

    /// Bytes appended so far.
    private(set) var count = 0

    /// An empty buffer with room for `capacity` bytes.
    init(capacity: Int) {
        self.capacity = max(capacity, 16)
        unsafe start = .allocate(capacity: self.capacity)
    }

    deinit { unsafe start.deallocate() }

    /// The bytes as an array of just that size.
    var array: [UInt8] {
        unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    }

    /// Where the bytes are, for C; until the buffer is appended to, or goes.
    var memory: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(start) }

    /// Makes room for so many more bytes.
    @inline(__always)
    private mutating func reserve(_ additional: Int) {
        if additional > capacity - count { grow(additional) }
    }

    @inline(never)
    private mutating func grow(_ additional: Int) {
        let larger = max(2 * capacity, count + additional)
        let new = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        unsafe new.update(from: start, count: count)
        unsafe start.deallocate()
        unsafe start = new
        capacity = larger
    }

    /// Appends one byte.
    @inline(__always)
    mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe start[count] = byte
        count += 1
    }

    /// Appends the UTF-8 of a literal.
    @inline(__always)
    mutating func append(_ literal: StaticString) {
        let length = literal.utf8CodeUnitCount
        reserve(length)
        unsafe (start + count).update(from: literal.utf8Start, count: length)
        count += length
    }

    /// Appends `"literal":`, after a comma if there is to be one.
    @inline(__always)
    mutating func append(key literal: StaticString, afterComma: Bool) {
        let length = literal.utf8CodeUnitCount
        reserve(length + 4)
        var end = unsafe start + count
        if afterComma {
            unsafe end.pointee = UInt8(ascii: ",")
            unsafe end += 1
        }
        unsafe end.pointee = UInt8(ascii: "\"")
        unsafe (end + 1).update(from: literal.utf8Start, count: length)
        unsafe end += length + 1
        unsafe end.pointee = UInt8(ascii: "\"")
        unsafe end[1] = UInt8(ascii: ":")
        count = unsafe end + 2 - start
    }

    /// Appends copies of bytes.
    @inline(__always)
    mutating func append(_ bytes: Span<UInt8>) {
        reserve(bytes.count)
        unsafe bytes.withUnsafeBufferPointer { bytes in
            guard let first = bytes.baseAddress else { return }
            unsafe (start + count).update(from: first, count: bytes.count)
        }
        count += bytes.count
    }

    /// Appends a number in decimal, with at least so many digits.
    @inline(__always)
    mutating func append(decimal number: UInt64, digitsMin: Int = 1) {
        if number < 10 && digitsMin == 1 { return append(0x30 | UInt8(truncatingIfNeeded: number)) }
        var (digits, limit) = (1, UInt64(10))
        while digits < digitsMin || (digits < 20 && number >= limit) {
            digits += 1
            limit = limit &* 10
        }
        reserve(digits)
        var rest = number
        for place in 1...digits {
            unsafe start[count + digits - place] = 0x30 | UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }
}
