import HTTPHosting

typealias Problem = HTTPHosting.Problem

extension Problem {
    /// 400: the body cannot be read at all.
    static func invalidJSON(_ detail: String) -> Problem {
        Problem(
            status: .badRequest,
            code: "invalid-json",
            title: "Invalid JSON",
            detail: detail
        )
    }

    /// 400: the body violates its schema; the first fault gives the code.
    init(_ code: ObjectReader.Fault.Code, _ faults: [ObjectReader.Fault]) {
        let title =
            switch code {
            case .unknownField: "Unknown field"
            case .missingField: "Missing field"
            case .invalidField: "Invalid field"
            }
        let first = faults.first.map { "\($0.pointer): \($0.detail)" } ?? ""
        let more = faults.count > 1 ? " (and \(faults.count - 1) more)" : ""
        self.init(
            status: .badRequest,
            code: code.rawValue,
            title: title,
            detail: first + more,
            errors: faults.prefix(Self.errorsMax).map {
                FieldError(pointer: $0.pointer, detail: $0.detail)
            }
        )
    }

    /// Faults listed in one problem; a body of a thousand wrong members gets no longer answer.
    private static var errorsMax: Int { 32 }

    /// 400: a header field is not as it must be.
    static func invalidHeader(_ detail: String) -> Problem {
        Problem(
            status: .badRequest,
            code: "invalid-header",
            title: "Invalid header field",
            detail: detail
        )
    }

    /// 400: a query parameter is unknown, repeated or out of range.
    static func invalidQuery(_ detail: String) -> Problem {
        Problem(
            status: .badRequest,
            code: "invalid-query",
            title: "Invalid query",
            detail: detail
        )
    }
}
