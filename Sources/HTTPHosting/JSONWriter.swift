/// Appends JSON (RFC 8259) to one buffer of bytes, commas included.
///
/// It does what a JSON encoder does at a hundredth of the cost, because nothing is looked up, boxed
/// or copied. The caller keeps the order: a key before each member's value. A key that is a literal
/// needs no escapes, and costs less than one that is not.
package struct JSONWriter: ~Copyable {
    private var buffer: ByteBuffer
    private var needsComma = false

    /// An empty writer with room for `capacity` bytes.
    package init(capacity: Int = 1024) {
        buffer = ByteBuffer(capacity: capacity)
    }

    /// How many bytes were written so far.
    package var count: Int { buffer.count }

    /// What was written so far.
    package var bytes: [UInt8] { buffer.array }

    /// What was written, which is not copied.
    package consuming func content() -> Content { Content(buffer) }

    /// Begins an object.
    package mutating func beginObject() { open(UInt8(ascii: "{")) }

    /// Ends the object begun last.
    package mutating func endObject() { close(UInt8(ascii: "}")) }

    /// Begins an array.
    package mutating func beginArray() { open(UInt8(ascii: "[")) }

    /// Ends the array begun last.
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// Begins a member of an object; its value must follow.
    package mutating func key(_ name: StaticString) { begin(name) }

    /// Begins a member of an object; its value must follow.
    @_disfavoredOverload
    package mutating func key(_ name: String) {
        separate()
        appendQuoted(name.utf8.span)
        buffer.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a string, escaped.
    package mutating func value(_ text: String) {
        separate()
        appendQuoted(text.utf8.span)
    }

    /// Writes bytes that should be UTF-8 as a string; what is not becomes U+FFFD.
    package mutating func value(repairing utf8: [UInt8]) {
        value(String(decoding: utf8, as: UTF8.self))
    }

    /// Writes a string of ASCII characters that need no escapes.
    package mutating func value(plain ascii: Span<UInt8>) {
        separate()
        appendPlain(ascii)
    }

    /// Writes an integer.
    package mutating func value(_ number: Int) {
        separate()
        append(number.magnitude, isNegative: number < 0)
    }

    /// Writes an integer.
    package mutating func value(_ number: UInt64) {
        separate()
        buffer.append(decimal: number)
    }

    /// Writes an integer of another size.
    package mutating func value(_ number: some FixedWidthInteger) {
        separate()
        append(UInt(number.magnitude), isNegative: number < 0)
    }

    /// Writes the shortest text that reads back as `number`, which must be finite.
    package mutating func value(_ number: Double) {
        separate()
        append(number)
    }

    /// Writes `number` divided by ten to the power of `decimals`, with as many decimals as it has,
    /// and at least one.
    package mutating func value(_ number: UInt64, decimals: Int) {
        separate()
        append(number, decimals: decimals)
    }

    /// Writes `true` or `false`.
    package mutating func value(_ flag: Bool) {
        separate()
        appendFlag(flag)
    }

    /// Writes `json`, which must be one whole JSON value, or members of an object, as it is.
    package mutating func raw(_ json: [UInt8]) { raw(json, 0..<json.count) }

    /// The same for a part of it.
    package mutating func raw(_ json: [UInt8], _ range: Range<Int>) {
        separate()
        buffer.append(json.span.extracting(range))
    }

    /// Writes a member whose value is an integer; in one step, as counters are many.
    package mutating func member(_ name: StaticString, _ number: UInt64) {
        begin(name)
        buffer.append(decimal: number)
        needsComma = true
    }

    /// Writes a member whose value is `number` divided by ten to the power of `decimals`.
    package mutating func member(_ name: StaticString, _ number: UInt64, decimals: Int) {
        begin(name)
        append(number, decimals: decimals)
        needsComma = true
    }

    /// Begins a member that is an object.
    package mutating func beginObject(_ name: StaticString) {
        begin(name)
        buffer.append(UInt8(ascii: "{"))
    }

    // MARK: - Pieces

    private mutating func open(_ bracket: UInt8) {
        separate()
        buffer.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        buffer.append(bracket)
        needsComma = true
    }

    @inline(__always)
    private mutating func separate() {
        if needsComma { buffer.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    /// Writes a key that needs no escapes.
    @inline(__always)
    private mutating func begin(_ name: StaticString) {
        buffer.append(key: name, afterComma: needsComma)
        needsComma = false
    }

    @inline(__always)
    private mutating func append(_ magnitude: UInt, isNegative: Bool) {
        if isNegative { buffer.append(UInt8(ascii: "-")) }
        buffer.append(decimal: UInt64(magnitude))
    }

    private mutating func append(_ number: UInt64, decimals: Int) {
        if number == 0 { return buffer.append("0.0") }
        var (scale, decimals) = (UInt64(1), decimals)
        for _ in 0..<decimals { scale *= 10 }
        var (whole, fraction) = number.quotientAndRemainder(dividingBy: scale)
        buffer.append(decimal: whole)
        while decimals > 1 && fraction % 10 == 0 {
            (fraction, decimals) = (fraction / 10, decimals - 1)
        }
        buffer.append(UInt8(ascii: "."))
        buffer.append(decimal: fraction, digitsMin: decimals)
    }

    private mutating func append(_ number: Double) {
        precondition(number.isFinite, "JSON has no number for \(number).")
        // Far below 2^53, and below what is written with an exponent.
        if number.sign == .plus, number < 1e15, number == number.rounded(.down) {
            buffer.append(decimal: UInt64(number))
            buffer.append(".0")
        } else {
            buffer.append(number.description.utf8.span)
        }
    }

    @inline(__always)
    private mutating func appendFlag(_ flag: Bool) {
        if flag { buffer.append("true") } else { buffer.append("false") }
    }

    @inline(__always)
    private mutating func appendPlain(_ ascii: Span<UInt8>) {
        buffer.append(UInt8(ascii: "\""))
        buffer.append(ascii)
        buffer.append(UInt8(ascii: "\""))
    }

    private mutating func appendQuoted(_ utf8: Span<UInt8>) {
        guard needsEscapes(utf8) else { return appendPlain(utf8) }
        buffer.append(UInt8(ascii: "\""))
        for index in utf8.indices { appendEscaped(utf8[index]) }
        buffer.append(UInt8(ascii: "\""))
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): buffer.append(#"\""#)
        case UInt8(ascii: "\\"): buffer.append(#"\\"#)
        case 0x08: buffer.append(#"\b"#)
        case 0x09: buffer.append(#"\t"#)
        case 0x0A: buffer.append(#"\n"#)
        case 0x0C: buffer.append(#"\f"#)
        case 0x0D: buffer.append(#"\r"#)
        case 0x00..<0x20:
            buffer.append(#"\u00"#)
            buffer.append(UInt8(ascii: byte < 0x10 ? "0" : "1"))
            let digit = byte & 0x0F
            buffer.append(digit < 10 ? 0x30 + digit : UInt8(ascii: "a") + digit - 10)
        default: buffer.append(byte)
        }
    }
}

/// Whether a quoted `text` differs from itself: RFC 8259, 7.
private func needsEscapes(_ text: Span<UInt8>) -> Bool {
    for index in text.indices {
        let byte = text[index]
        if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return true }
    }
    return false
}
