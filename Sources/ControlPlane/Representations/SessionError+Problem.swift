import HTTPHosting
import RelayModel

extension SessionError {
    /// The problem a client is told.
    var problem: Problem { problem(blaming: pointer) }

    /// The problem a client is told who asked for a session like this.
    func problem(creating definition: SessionDefinition) -> Problem {
        let isOwnPort =
            code == .addressInUse
            && SessionField.localPort.applies(
                to: definition.kind,
                role: definition.role
            )
        return problem(blaming: isOwnPort ? "/localPort" : pointer)
    }

    private func problem(blaming pointer: String?) -> Problem {
        var problem = Problem(
            status: status,
            code: code.rawValue,
            title: title,
            detail: detail,
            errors: pointer.map { [Problem.FieldError(pointer: $0, detail: detail)] } ?? [],
            errno: errno
        )
        if !violations.isEmpty {
            problem.errors = violations.map {
                Problem.FieldError(pointer: $0.pointer, detail: $0.detail)
            }
        }
        problem.fields[.retryAfter] = (retryAfterSeconds ?? usualRetryAfterSeconds).map(String.init)
        return problem
    }

    private var status: HTTPStatus {
        switch code {
        case .sessionNotFound: .notFound
        case .forbiddenScope, .forbiddenByPolicy: .forbidden
        case .rateLimited: .tooManyRequests
        case .preconditionFailed: .preconditionFailed
        case .sendBufferFull, .storeFull, .storeUnavailable: .serviceUnavailable
        case .definitionUnreadable, .internal: .internalServerError
        default: .conflict
        }
    }

    /// When to try again: a buffer drains by itself, a disk needs somebody to see to it.
    private var usualRetryAfterSeconds: Int? {
        switch code {
        case .sendBufferFull, .rateLimited: 1
        case .storeFull, .storeUnavailable: 10
        default: nil
        }
    }

    private var title: String {
        switch code {
        case .nameInUse: "Name in use"
        case .sessionNotFound: "Session not found"
        case .preconditionFailed: "Precondition failed"
        case .addressInUse: "Address already in use"
        case .interfaceUnavailable: "Interface unavailable"
        case .networkUnreachable: "Network unreachable"
        case .groupJoinFailed: "Group join failed"
        case .permissionDenied: "Permission denied"
        case .forbiddenByPolicy: "Forbidden by policy"
        case .sessionLimitReached: "Session limit reached"
        case .sessionNotRunning: "Session not running"
        case .forbiddenScope: "Forbidden by the token's scope"
        case .managedByConfiguration: "Managed by the configuration file"
        case .handlerNotFound: "Handler not found"
        case .cannotSend: "Session cannot send"
        case .datagramTooLarge: "Datagram too large"
        case .forwardLoop: "Forward loop"
        case .rateLimited: "Too many requests"
        case .sendBufferFull: "Send buffer full"
        case .disabled: "Session disabled"
        case .definitionUnreadable: "Definition unreadable"
        case .storeFull: "Store full"
        case .storeUnavailable: "Store unavailable"
        case .internal: "Internal error"
        }
    }

    /// The field of a definition that is most likely to blame.
    private var pointer: String? {
        switch code {
        case .nameInUse: "/name"
        case .forbiddenScope: "/labels"
        case .addressInUse: "/port"
        case .interfaceUnavailable: "/interface"
        case .groupJoinFailed: "/group"
        case .forwardLoop: "/forward"
        case .handlerNotFound: "/reply/handler"
        default: nil
        }
    }
}

extension FieldViolation {
    /// Where in a definition it is, as a JSON pointer (RFC 6901).
    var pointer: String {
        "/\(field.rawValue)" + (index.map { "/\($0)" } ?? "") + (member.map { "/\($0)" } ?? "")
    }
}
