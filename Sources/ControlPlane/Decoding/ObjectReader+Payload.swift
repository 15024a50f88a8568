import Foundation
import RelayModel

extension ObjectReader {
    /// Text of at most a datagram's bytes in UTF-8.
    mutating func payloadText(_ key: String) -> String? {
        guard let text = string(key) else { return nil }
        if text.utf8.count <= DefinitionLimits.datagramBytesMax { return text }
        invalid(key, Self.tooLong)
        return nil
    }

    /// The bytes of padded base64 (RFC 4648 section 4), at most a datagram's.
    mutating func base64(_ key: String) -> [UInt8]? {
        guard let text = string(key) else { return nil }
        guard let data = Data(base64Encoded: text) else {
            invalid(key, "must be base64 with padding (RFC 4648 section 4)")
            return nil
        }
        if data.count <= DefinitionLimits.datagramBytesMax { return [UInt8](data) }
        invalid(key, Self.tooLong)
        return nil
    }

    /// The bytes of pairs of hexadecimal digits, at most a datagram's.
    mutating func hexadecimal(_ key: String) -> [UInt8]? {
        guard let text = string(key) else { return nil }
        guard let bytes = Self.bytes(ofHexadecimal: text.utf8) else {
            invalid(key, "must be pairs of hexadecimal digits")
            return nil
        }
        if bytes.count <= DefinitionLimits.datagramBytesMax { return bytes }
        invalid(key, Self.tooLong)
        return nil
    }

    private static var tooLong: String {
        "a datagram carries at most \(DefinitionLimits.datagramBytesMax) bytes"
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
