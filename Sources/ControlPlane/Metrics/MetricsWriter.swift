/// Appends metrics in one of the two formats to one array of bytes.
///
/// A family begins with `begin`; its samples follow at once. Nothing is boxed or looked up: with
/// thousands of sessions this is what an exposition costs.
struct MetricsWriter: Sendable {
    /// The format written.
    let format: MetricsFormat

    /// What was written so far.
    private(set) var bytes: [UInt8] = []

    private var sampleName: [UInt8] = []
    private var family: MetricFamily?
    private var isHeadWritten = false

    /// An empty writer with room for `capacity` bytes.
    init(_ format: MetricsFormat, capacity: Int = 16_384) {
        self.format = format
        bytes.reserveCapacity(capacity)
    }

    /// Begins a family. Its HELP, TYPE and, in OpenMetrics, UNIT lines come before its first
    /// sample; without one it is left out.
    mutating func begin(_ family: MetricFamily) {
        sampleName = Array(family.sampleName.utf8)
        self.family = family
        isHeadWritten = false
    }

    private mutating func writeHead() {
        isHeadWritten = true
        guard let family else { preconditionFailure("A sample without a family.") }
        let name = format == .openMetrics ? family.name : family.sampleName
        bytes.append(contentsOf: "# HELP \(name) ".utf8)
        appendEscaped(family.help, quotes: format == .openMetrics)
        bytes.append(contentsOf: "\n# TYPE \(name) \(family.typeWord(format))\n".utf8)
        if format == .openMetrics, let unit = family.unit {
            bytes.append(contentsOf: "# UNIT \(name) \(unit)\n".utf8)
        }
    }

    /// Writes a sample of the family begun last.
    mutating func sample(_ value: MetricValue, _ labels: KeyValuePairs<String, String> = [:]) {
        sample(value, Self.labels(labels))
    }

    /// Writes a sample whose labels are `labels` followed by `more`, both made by `labels`.
    mutating func sample(_ value: MetricValue, _ labels: [UInt8], _ more: [UInt8] = []) {
        line(suffix: "", labels, more)
        append(value)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Writes the samples of a histogram: its buckets, its sum and its count.
    mutating func histogram(_ values: HistogramValues, _ labels: [UInt8] = []) {
        var total: UInt64 = 0
        for (index, count) in values.counts.enumerated() {
            total += count
            let bound =
                index < values.bounds.count
                ? (Double(values.bounds[index]) / 1e9).description : "+Inf"
            line(suffix: "_bucket", labels, Self.labels(["le": bound]))
            append(.integer(total))
            bytes.append(UInt8(ascii: "\n"))
        }
        line(suffix: "_sum", labels, [])
        append(.nanoseconds(values.sumNanoseconds))
        bytes.append(UInt8(ascii: "\n"))
        line(suffix: "_count", labels, [])
        append(.integer(total))
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Ends the exposition.
    mutating func end() {
        if format == .openMetrics { bytes.append(contentsOf: "# EOF\n".utf8) }
    }

    /// Labels as they stand between braces, escaped; made once where they are written often.
    static func labels(_ labels: KeyValuePairs<String, String>) -> [UInt8] {
        var writer = MetricsWriter(.text, capacity: 64)
        for (name, value) in labels {
            if !writer.bytes.isEmpty { writer.bytes.append(UInt8(ascii: ",")) }
            writer.bytes.append(contentsOf: name.utf8)
            writer.bytes.append(contentsOf: "=\"".utf8)
            writer.appendEscaped(value, quotes: true)
            writer.bytes.append(UInt8(ascii: "\""))
        }
        return writer.bytes
    }

    /// Everything of a sample's line before its value.
    private mutating func line(suffix: String, _ labels: [UInt8], _ more: [UInt8]) {
        if !isHeadWritten { writeHead() }
        bytes.append(contentsOf: sampleName)
        if !suffix.isEmpty { bytes.append(contentsOf: suffix.utf8) }
        if !labels.isEmpty || !more.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            bytes.append(contentsOf: labels)
            if !labels.isEmpty && !more.isEmpty { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: more)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: " "))
    }

    /// Both formats escape backslash and line feed; quotation marks only in labels, and in
    /// OpenMetrics everywhere.
    private mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\"") where quotes: bytes.append(contentsOf: "\\\"".utf8)
            default: bytes.append(byte)
            }
        }
    }

    private mutating func append(_ value: MetricValue) {
        switch value {
        case .integer(let number): appendDigits(number)
        case .nanoseconds(let number):
            let (seconds, fraction) = number.quotientAndRemainder(dividingBy: 1_000_000_000)
            appendDigits(seconds)
            bytes.append(UInt8(ascii: "."))
            appendDigits(fraction, countMin: 9)
            while bytes[bytes.count - 1] == UInt8(ascii: "0")
                && bytes[bytes.count - 2] != UInt8(ascii: ".")
            { bytes.removeLast() }
        case .number(let number):
            precondition(number.isFinite, "No metric is \(number).")
            bytes.append(contentsOf: number.description.utf8)
        }
    }

    private mutating func appendDigits(_ number: UInt64, countMin: Int = 1) {
        var rest = number
        var digits = InlineArray<20, UInt8>(repeating: 0x30)
        var first = 20
        repeat {
            first -= 1
            digits[first] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        first = min(first, 20 - countMin)
        bytes.append(addingCapacity: 20) { output in
            for index in first..<20 { output.append(digits[index]) }
        }
    }
}
