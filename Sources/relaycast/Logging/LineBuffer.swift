/// Lines of the log that wait to be written, first in, first out, within two limits.
///
/// What does not fit is dropped and counted; the count stands as a line of its own where the
/// dropped lines would have been.
struct LineBuffer {
    /// Lines that may wait: some seconds of a busy log, so that a reader may pause.
    static let linesMax = 4096
    /// Bytes that may wait, line feeds included: what a log that nobody reads may cost.
    static let bytesMax = 1 << 20

    private let linesMax: Int
    private let bytesMax: Int
    private let notice: @Sendable (_ dropped: Int) -> String
    /// What waits is from `first` on; what is before has been taken.
    private var lines: [String] = []
    private var first = 0
    private var bytes = 0
    private var dropped = 0

    /// An empty buffer; `notice` renders the line that says how many were dropped.
    init(
        linesMax: Int = Self.linesMax,
        bytesMax: Int = Self.bytesMax,
        notice: @escaping @Sendable (_ dropped: Int) -> String
    ) {
        self.linesMax = linesMax
        self.bytesMax = bytesMax
        self.notice = notice
    }

    /// Whether nothing waits: no line and no count of dropped ones.
    var isEmpty: Bool { first == lines.count && dropped == 0 }

    /// Appends the line, or counts it as dropped.
    mutating func append(_ line: String) {
        guard lines.count - first < linesMax, bytes + line.utf8.count <= bytesMax else {
            dropped += 1
            return
        }
        // Not counted as a line, so that the place that one line left is enough for the next.
        let text = takeNotice() + line
        lines.append(text)
        bytes += text.utf8.count
    }

    /// Takes the line that has waited longest, with the notice of lines dropped before it; nil =
    /// nothing waits.
    mutating func popFirst() -> String? {
        guard first < lines.count else {
            return dropped == 0 ? nil : takeNotice()
        }
        let line = lines[first]
        lines[first] = ""
        first += 1
        bytes -= line.utf8.count
        // Moves what waits to the front only now and then: a line is moved once on average.
        if first == lines.count || first >= linesMax {
            lines.removeFirst(first)
            first = 0
        }
        return line
    }

    private mutating func takeNotice() -> String {
        guard dropped > 0 else { return "" }
        defer { dropped = 0 }
        return notice(dropped)
    }
}
