import HTTPHosting

/// Reads one JSON document (RFC 8259) in one pass, in time proportional to its length.
///
/// Not `JSONDecoder`: decoding values of unknown type with it builds an error with the whole coding
/// path for every wrong guess, so 30 kB of nested arrays took it 20 s; it also lets trailing commas,
/// repeated members and UTF-16 pass.
package struct JSONParser {
    /// Arrays and objects inside each other; what the API reads is 4 deep, what it ignores may be
    /// deeper.
    static let depthMax = 128

    private let bytes: [UInt8]
    private var index = 0
    private var depth = 0

    /// Why and where a document is not JSON.
    package struct Failure: Error {
        /// What is wrong.
        package let detail: String
        /// Bytes of the document before the place.
        package let offset: Int
    }

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The value of a whole document.
    package static func parse(_ bytes: [UInt8]) throws(Failure) -> JSONValue {
        var parser = JSONParser(bytes)
        let value = try parser.value()
        parser.skipSpace()
        guard parser.index == bytes.count else { throw parser.failure("there is more after it") }
        return value
    }

    private func failure(_ detail: String) -> Failure { Failure(detail: detail, offset: index) }

    // MARK: - Values

    private mutating func value() throws(Failure) -> JSONValue {
        skipSpace()
        guard let first = peek else { throw failure("it ends too early") }
        switch first {
        case UInt8(ascii: "{"): return try nested { parser throws(Failure) in try parser.object() }
        case UInt8(ascii: "["): return try nested { parser throws(Failure) in try parser.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: throw failure("a value was expected")
        }
    }

    private mutating func nested(
        _ body: (inout JSONParser) throws(Failure) -> JSONValue
    ) throws(Failure) -> JSONValue {
        guard depth < Self.depthMax else {
            throw failure("it is nested more than \(Self.depthMax) deep")
        }
        depth += 1
        index += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func array() throws(Failure) -> JSONValue {
        var elements: [JSONValue] = []
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value())
            if take(UInt8(ascii: "]")) { return .array(elements) }
            try expect(UInt8(ascii: ","), "a comma or ] was expected")
        }
    }

    private mutating func object() throws(Failure) -> JSONValue {
        var members: [String: JSONValue] = [:]
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw failure("a member name was expected") }
            let name = try string()
            try expect(UInt8(ascii: ":"), "a colon was expected")
            guard members.updateValue(try value(), forKey: name) == nil else {
                throw failure("the member \(name) is repeated")
            }
            if take(UInt8(ascii: "}")) { return .object(members) }
            try expect(UInt8(ascii: ","), "a comma or } was expected")
        }
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(Failure) -> JSONValue {
        guard bytes[index...].starts(with: word.utf8) else { throw failure("a value was expected") }
        index += word.utf8.count
        return value
    }

    // MARK: - Numbers

    private mutating func number() throws(Failure) -> Double {
        let start = index
        if peek == UInt8(ascii: "-") { index += 1 }
        let integer = index
        try digits()
        if bytes[integer] == UInt8(ascii: "0") && index > integer + 1 {
            throw failure("a number has no leading zeros")
        }
        if peek == UInt8(ascii: ".") {
            index += 1
            try digits()
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            index += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { index += 1 }
            try digits()
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        guard let number = Double(text), number.isFinite else {
            throw failure("a number is too large")
        }
        return number
    }

    private mutating func digits() throws(Failure) {
        let start = index
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
        if index == start { throw failure("a digit was expected") }
    }

    // MARK: - Strings

    private mutating func string() throws(Failure) -> String {
        index += 1
        let start = index
        var unescaped: [UInt8] = []
        var copied = start
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                let tail = bytes[copied..<index]
                let text =
                    unescaped.isEmpty
                    ? String(validating: tail, as: UTF8.self)
                    : String(validating: unescaped + tail, as: UTF8.self)
                guard let text else { throw failure("a string is not UTF-8") }
                index += 1
                return text
            case UInt8(ascii: "\\"):
                unescaped += bytes[copied..<index]
                index += 1
                unescaped += try escape()
                copied = index
            case 0..<0x20: throw failure("a control character in a string must be escaped")
            default: index += 1
            }
        }
        throw failure("a string does not end")
    }

    /// The UTF-8 of the escape whose backslash was taken.
    private mutating func escape() throws(Failure) -> [UInt8] {
        guard let byte = peek else { throw failure("a string does not end") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw failure("an unknown escape in a string")
        }
    }

    private mutating func unicodeEscape() throws(Failure) -> [UInt8] {
        var code = try fourHexadecimalDigits()
        if (0xD800..<0xDC00).contains(code), peek == UInt8(ascii: "\\"),
            index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "u")
        {
            index += 2
            let low = try fourHexadecimalDigits()
            guard (0xDC00..<0xE000).contains(low) else {
                throw failure("half a surrogate pair in a string")
            }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else {
            throw failure("half a surrogate pair in a string")
        }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func fourHexadecimalDigits() throws(Failure) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("\\u needs four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            index += 1
        }
        return code
    }

    // MARK: - Bytes

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            index += 1
        }
    }

    /// Takes a byte that may come next, after white space.
    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard peek == byte else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ byte: UInt8, _ detail: String) throws(Failure) {
        guard take(byte) else { throw failure(peek == nil ? "it ends too early" : detail) }
    }
}
