import Foundation

extension ObjectReader {
    /// The bytes of padded base64 (RFC 4648 section 4).
    mutating func base64(_ key: String) -> [UInt8]? {
        guard let text = string(key) else { return nil }
        // Data takes more padding than RFC 4648 knows.
        let isPadded = text.utf8.count.isMultiple(of: 4) && !text.hasSuffix("===")
        guard isPadded, let data = Data(base64Encoded: text) else {
            invalid(key, "must be base64 with padding (RFC 4648 section 4)")
            return nil
        }
        return [UInt8](data)
    }

    /// The bytes of pairs of hexadecimal digits.
    mutating func hexadecimal(_ key: String) -> [UInt8]? {
        guard let text = string(key) else { return nil }
        guard let bytes = Self.bytes(ofHexadecimal: text.utf8) else {
            invalid(key, "must be pairs of hexadecimal digits")
            return nil
        }
        return bytes
    }

    private static func bytes(ofHexadecimal digits: String.UTF8View) -> [UInt8]? {
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        var high: UInt8?
        for digit in digits {
            guard let value = Self.value(ofHexadecimal: digit) else { return nil }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }

    private static func value(ofHexadecimal digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
