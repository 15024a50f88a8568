import Foundation
import HTTPHosting

/// How payload bytes are shown in JSON.
enum PayloadFormat: String, CaseIterable {
    case base64
    case hex
    /// UTF-8; what is not becomes U+FFFD.
    case text
    case none

    /// The text for some bytes; nil when they are not shown.
    func text(of bytes: [UInt8]) -> String? {
        switch self {
        case .base64: Data(bytes).base64EncodedString()
        case .hex: Self.hexadecimal(bytes)
        case .text: String(decoding: bytes, as: UTF8.self)
        case .none: nil
        }
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.count)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 0xF)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
