import HTTPHosting
import RelayModel

/// The payloads that a client posts to be sent.
struct DatagramsBody {
    /// Datagrams in one request.
    static let datagramsMax = 1024

    let datagrams: [[UInt8]]
    /// Whether they came as a list, so that each has a pointer of its own.
    let isList: Bool

    /// Reads `{"text"|"base64"|"hex":…}` or `{"datagrams":[…]}`.
    init(decoding body: JSONValue) throws(Problem) {
        guard case .object(let members) = body else {
            throw Self.problem("", "the body must be an object, not \(body.typeName)")
        }
        var reader = ObjectReader(members)
        isList = reader.has("datagrams")
        if isList && reader.hasPayload {
            throw Self.problem("", "give either datagrams or one of text, base64 and hex")
        }
        if isList {
            datagrams = reader.datagramList()
            reader.finish()
        } else {
            datagrams = reader.datagram().map { [$0] } ?? []
        }
        if let problem = reader.problem { throw problem }
        let bytesMax = DefinitionLimits.datagramBytesMax
        if let index = datagrams.firstIndex(where: { $0.count > bytesMax }) {
            throw Self.tooLarge(datagrams[index].count, pointer: pointer(to: index))
        }
    }

    /// Where a datagram is in the body (RFC 6901).
    func pointer(to index: Int) -> String { isList ? "/datagrams/\(index)" : "" }

    /// Reads a body that is one datagram.
    init(octets body: [UInt8]) throws(Problem) {
        guard body.count <= DefinitionLimits.datagramBytesMax else {
            throw Self.tooLarge(body.count, pointer: "")
        }
        datagrams = [body]
        isList = false
    }

    private static func tooLarge(_ count: Int, pointer: String) -> Problem {
        var problem = SessionError(
            .datagramTooLarge,
            "a datagram carries at most \(DefinitionLimits.datagramBytesMax) bytes, not \(count); "
                + "nothing was sent"
        ).problem
        problem.errors = [Problem.FieldError(pointer: pointer, detail: "has \(count) bytes")]
        problem.extensions = [.integer("sent", 0)]
        return problem
    }

    private static func problem(_ pointer: String, _ detail: String) -> Problem {
        Problem(
            .invalidField,
            [ObjectReader.Fault(code: .invalidField, pointer: pointer, detail: detail)]
        )
    }
}

extension ObjectReader {
    fileprivate mutating func datagramList() -> [[UInt8]] {
        guard let value = take("datagrams") else { return [] }
        guard case .array(let elements) = value, !elements.isEmpty,
            elements.count <= DatagramsBody.datagramsMax
        else {
            invalid("datagrams", "must be an array of 1 to \(DatagramsBody.datagramsMax) objects")
            return []
        }
        var datagrams: [[UInt8]] = []
        for (index, element) in elements.enumerated() {
            guard case .object(let members) = element else {
                append([
                    Fault(
                        code: .invalidField,
                        pointer: "\(pointer(to: "datagrams"))/\(index)",
                        detail: "must be an object"
                    )
                ])
                continue
            }
            var reader = ObjectReader(members, at: "\(pointer(to: "datagrams"))/\(index)")
            if let datagram = reader.datagram() { datagrams.append(datagram) }
            append(reader.faults)
        }
        return datagrams
    }

    private static let payloadForms = ["text", "base64", "hex"]

    fileprivate var hasPayload: Bool { Self.payloadForms.contains(where: has) }

    /// One datagram in exactly one of its forms.
    fileprivate mutating func datagram() -> [UInt8]? {
        let forms = Self.payloadForms.filter(has)
        guard forms.count == 1 else {
            let code: Fault.Code = forms.isEmpty ? .missingField : .invalidField
            for form in forms { _ = take(form) }
            finish()
            append([
                Fault(
                    code: code,
                    pointer: objectPointer,
                    detail: "give exactly one of text, base64 and hex"
                )
            ])
            return nil
        }
        let bytes: [UInt8]? =
            switch forms[0] {
            case "text": string("text").map { Array($0.utf8) }
            case "base64": base64("base64")
            default: hexadecimal("hex")
            }
        finish()
        return bytes
    }
}
