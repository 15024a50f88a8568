import RelayModel

/// Cuts what a handler prints into lines, each with its line feed; a last one without it counts. Or
/// takes all of it for one datagram.
struct OutputLines {
    /// Lines of one run.
    static let linesMax = 64
    /// Bytes of one run.
    static let bytesMax = 262_144
    /// Bytes of one line with its line feed: what a datagram carries.
    static let lineBytesMax = DefinitionLimits.datagramBytesMax

    /// Whether all of it is one datagram, which there is only at its end.
    private let isOneDatagram: Bool
    /// Whether it was more than a run may print; the lines that came until then count.
    private(set) var isTooLong = false
    /// The beginning of the next line.
    private var rest: [UInt8] = []
    private var lineCount = 0
    private var byteCount = 0

    private static let lineFeed = UInt8(ascii: "\n")

    init(_ output: Handler.Output = .lines) { isOneDatagram = output == .datagram }

    /// What a run may print.
    var limits: String {
        isOneDatagram
            ? "\(Self.lineBytesMax) bytes"
            : "\(Self.linesMax) lines, \(Self.bytesMax) bytes or \(Self.lineBytesMax) in a line"
    }

    /// Takes more output; the lines that end in it.
    mutating func take(_ bytes: Span<UInt8>) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for index in bytes.indices {
            if isTooLong { break }
            append(bytes[index], to: &lines)
        }
        return lines
    }

    /// What there is after the last line feed, or in all of it; nil if nothing.
    mutating func takeRest() -> [UInt8]? {
        if rest.isEmpty || isTooLong { return nil }
        defer { rest = [] }
        return rest
    }

    private mutating func append(_ byte: UInt8, to lines: inout [[UInt8]]) {
        if lineCount == Self.linesMax || rest.count == Self.lineBytesMax
            || byteCount == Self.bytesMax
        {
            isTooLong = true
            return
        }
        rest.append(byte)
        byteCount += 1
        guard byte == Self.lineFeed && !isOneDatagram else { return }
        lines.append(rest)
        rest = []
        lineCount += 1
    }
}

/// The first lines that a handler wrote to standard error, for the log; the rest is thrown away.
struct ErrorLines {
    /// Lines of one run.
    static let linesMax = 4
    /// Bytes of one line.
    static let lineBytesMax = 256

    private var text: [UInt8] = []
    private var lineFeeds = 0

    mutating func take(_ bytes: Span<UInt8>) {
        for index in bytes.indices {
            if lineFeeds == Self.linesMax || text.count == Self.linesMax * Self.lineBytesMax {
                return
            }
            text.append(bytes[index])
            if bytes[index] == UInt8(ascii: "\n") { lineFeeds += 1 }
        }
    }

    /// The lines as text; bytes that are no UTF-8 are replaced.
    var lines: [String] {
        text.split(separator: UInt8(ascii: "\n")).prefix(Self.linesMax).map {
            String(decoding: $0.prefix(Self.lineBytesMax), as: UTF8.self)
        }
    }
}
