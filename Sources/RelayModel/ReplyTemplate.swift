/// A text with placeholders that is rendered for every datagram a session replies to.
///
/// `{{` and `}}` stand for literal braces. The longest rendering fits in one datagram because the
/// template is limited to `ReplyTemplate.bytesMax`.
package struct ReplyTemplate: Hashable, Sendable {
    /// What a placeholder stands for.
    package enum Placeholder: String, Sendable, CaseIterable {
        case hostname
        case sourceAddress = "source.address"
        case sourcePort = "source.port"
        case destinationAddress = "destination.address"
        case interface
        case length
        case sequence
    }

    package enum Segment: Hashable, Sendable {
        case literal([UInt8])
        case placeholder(Placeholder)
    }

    /// The longest template in bytes: `{hostname}` grows most, from 10 to 64 bytes, so that a
    /// rendering stays below 65 507.
    package static let bytesMax = 8192

    package let source: String
    package let segments: [Segment]

    /// Throws a sentence that names what is wrong with the text.
    package init(_ source: String) throws(ReplyTemplateError) {
        guard source.utf8.count <= Self.bytesMax else { throw .tooLong }
        self.source = source
        segments = try Self.parse(Array(source.utf8))
    }

    private static let opening = UInt8(ascii: "{")
    private static let closing = UInt8(ascii: "}")

    private static func parse(_ bytes: [UInt8]) throws(ReplyTemplateError) -> [Segment] {
        var segments: [Segment] = []
        var literal: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == opening || byte == closing {
                if index + 1 < bytes.count && bytes[index + 1] == byte {
                    literal.append(byte)
                    index += 2
                    continue
                }
                guard byte == opening, let end = bytes[index...].firstIndex(of: closing) else {
                    throw .unbalanced
                }
                let name = String(decoding: bytes[index + 1..<end], as: UTF8.self)
                guard let placeholder = Placeholder(rawValue: name) else { throw .unknown(name) }
                if !literal.isEmpty { segments.append(.literal(literal)) }
                literal = []
                segments.append(.placeholder(placeholder))
                index = end + 1
            } else {
                literal.append(byte)
                index += 1
            }
        }
        if !literal.isEmpty { segments.append(.literal(literal)) }
        return segments
    }
}

/// Why a text is not a reply template.
package enum ReplyTemplateError: Error, Equatable, CustomStringConvertible {
    case tooLong
    case unbalanced
    case unknown(String)

    package var description: String {
        switch self {
        case .tooLong: "is longer than \(ReplyTemplate.bytesMax) bytes"
        case .unbalanced: "has a brace without its partner; write {{ or }} for a literal brace"
        case .unknown(let name):
            "has the unknown placeholder {\(name)}; known are "
                + ReplyTemplate.Placeholder.allCases.map { "{\($0.rawValue)}" }
                .joined(separator: " ")
        }
    }
}
