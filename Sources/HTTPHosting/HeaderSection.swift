import HTTPTypes

/// One request's header section: what handlers see of it, and the guard over its framing.
///
/// libmicrohttpd 0.9.75 lets through what makes two parsers disagree on where a request ends
/// (request smuggling): repeated lengths, a length beside a coding, `Content-Length :`. Whatever
/// is ambiguous is refused here, before a byte of the body is looked at (RFC 9112, 6.3 and 11.2).
struct HeaderSection {
    /// The fields that handlers see.
    private(set) var fields: HTTPFields = [:]

    /// The value of `Content-Length`; nil without, and for a chunked body.
    private(set) var contentLength: Int?

    /// The first thing that is wrong with the framing.
    private(set) var framingProblem: Problem?

    /// What there was of `Host`, `Origin` and `Sec-Fetch-Site`.
    private(set) var host = SingleField()
    private(set) var origin = SingleField()
    private(set) var fetchSite = SingleField()

    /// What a preflight asks for: the value of `Access-Control-Request-Method`.
    private(set) var requestedMethod: String?

    private var hasContentLength = false
    private var hasTransferEncoding = false
    private let fieldNames: [WantedField]

    /// A section of which handlers see only `fieldNames`.
    init(fieldNames: [WantedField]) {
        self.fieldNames = fieldNames
    }

    /// Takes in one field line.
    mutating func add(name: Span<UInt8>, value: Span<UInt8>) {
        guard framingProblem == nil else { return }
        guard isToken(name) else {
            framingProblem = .badFraming("A field name has a character that it must not have.")
            return
        }
        guard isFieldValue(value) else {
            framingProblem = .badFraming("A field value has a control character.")
            return
        }
        switch name.count {
        case 4 where equalsIgnoringCase(name, "host"):
            host.add(value)
        case 6 where equalsIgnoringCase(name, "origin"):
            origin.add(value)
        case 14 where equalsIgnoringCase(name, "content-length"):
            addContentLength(value)
        case 14 where equalsIgnoringCase(name, "sec-fetch-site"):
            fetchSite.add(value)
        case 17 where equalsIgnoringCase(name, "transfer-encoding"):
            addTransferEncoding(value)
        case 29 where equalsIgnoringCase(name, "access-control-request-method"):
            requestedMethod = value.text(0..<value.count)
        default:
            for wanted in fieldNames where wanted.lowercased.utf8.count == name.count {
                guard equalsIgnoringCase(name, wanted.lowercased) else { continue }
                fields.append(HTTPField(name: wanted.name, value: value.text(0..<value.count)))
                return
            }
        }
    }

    private mutating func addContentLength(_ value: Span<UInt8>) {
        if hasContentLength || hasTransferEncoding {
            framingProblem = .badFraming(
                "Content-Length is repeated, or comes with Transfer-Encoding."
            )
            return
        }
        hasContentLength = true
        var length = 0
        for index in value.indices {
            let byte = value[index]
            guard (0x30...0x39).contains(byte) else {
                framingProblem = .badFraming("Content-Length is not a number of bytes.")
                return
            }
            // Far above every limit, so that no number of digits overflows.
            length = min(length * 10 + Int(byte - 0x30), .max / 100)
        }
        if value.isEmpty {
            framingProblem = .badFraming("Content-Length is empty.")
        }
        contentLength = length
    }

    private mutating func addTransferEncoding(_ value: Span<UInt8>) {
        if hasContentLength || hasTransferEncoding {
            framingProblem = .badFraming(
                "Transfer-Encoding is repeated, or comes with Content-Length."
            )
            return
        }
        hasTransferEncoding = true
        if !equalsIgnoringCase(value, "chunked") {
            framingProblem = .notImplemented("The only transfer coding understood is chunked.")
        }
    }
}

/// A field that must not be repeated, without an array for the one value that it has.
struct SingleField {
    /// The first value; nil without any.
    private(set) var value: String?

    /// Whether there was another one.
    private(set) var isRepeated = false

    fileprivate mutating func add(_ bytes: Span<UInt8>) {
        if value == nil { value = bytes.text(0..<bytes.count) } else { isRepeated = true }
    }
}

/// A field that handlers see, and its name as it is compared.
struct WantedField: Sendable {
    /// The name handlers use.
    let name: HTTPField.Name

    /// The name in lower case.
    let lowercased: String

    /// A field called `name`.
    init(_ name: HTTPField.Name) {
        self.name = name
        lowercased = name.canonicalName
    }
}

private func equalsIgnoringCase(_ bytes: Span<UInt8>, _ lowercased: String) -> Bool {
    let other = lowercased.utf8.span
    guard bytes.count == other.count else { return false }
    for index in bytes.indices {
        let byte = bytes[index]
        let lower = (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
        if lower != other[index] { return false }
    }
    return true
}

/// Whether `name` is a token: RFC 9110, 5.6.2.
private func isToken(_ name: Span<UInt8>) -> Bool {
    for index in name.indices {
        switch name[index] {
        case 0x30...0x39, 0x41...0x5A, 0x5E...0x7A, 0x23...0x27: continue
        case 0x21, 0x2A, 0x2B, 0x2D, 0x2E, 0x7C, 0x7E: continue
        default: return false
        }
    }
    return !name.isEmpty
}

/// Whether `value` has no control character but the tab: RFC 9110, 5.5.
private func isFieldValue(_ value: Span<UInt8>) -> Bool {
    for index in value.indices {
        let byte = value[index]
        if (byte < 0x20 && byte != 0x09) || byte == 0x7F { return false }
    }
    return true
}
