import HTTPHosting
import RelayEngine
import RelayModel

// /v1/sessions/{name}/datagrams

extension API {
    var datagramRoutes: [Route] {
        [
            Route(
                .post,
                "/v1/sessions/{name}/datagrams",
                consumes: ["application/json", "application/octet-stream"]
            ) { [self] request, parameters throws(Problem) in
                try sendDatagrams(request, parameters)
            }
        ]
    }

    private func sendDatagrams(
        _ request: Request,
        _ parameters: PathParameters
    ) throws(Problem) -> Answer {
        _ = try QueryReader(request, allowed: [])
        let session = try session(request, parameters)
        let body = try Self.body(of: request)
        if draining { throw .draining }
        guard session.definition?.sends != false else {
            throw SessionError(
                .cannotSend,
                "session \(session.name) only receives; post to a sender or a peer"
            ).problem
        }
        guard let running = session.running else {
            throw SessionError(
                .sessionNotRunning,
                "session \(session.name) is \(session.status.state.rawValue); "
                    + (session.status.reason?.detail ?? "enable it")
            ).problem
        }
        try datagramBudgets.spend(
            body.datagrams.count,
            of: session.name,
            at: HostNetwork.monotonicNanoseconds()
        )
        let sendRequest = SendRequest(body.datagrams)
        return .later { [engine = registry.engine] completion in
            engine.send(sendRequest, from: running) { outcome in
                completion.resume { Self.response(outcome, body, completion.requestID) }
            }
        }
    }

    private static func body(of request: Request) throws(Problem) -> DatagramsBody {
        if request.fields[.contentType]?.lowercased().hasPrefix("application/octet-stream") == true
        {
            return try DatagramsBody(octets: request.body)
        }
        return try DatagramsBody(decoding: JSONValue(parsing: request.body))
    }

    private static func response(
        _ outcome: SendOutcome,
        _ body: DatagramsBody,
        _ requestID: String
    ) -> Response {
        guard let failure = outcome.failure else {
            return .json { writer in
                writer.beginObject()
                writer.key("items")
                writer.beginArray()
                for sent in outcome.sent {
                    writer.beginObject()
                    writer.member("sequence", sent.sequence)
                    writer.member("length", sent.length)
                    writer.endObject()
                }
                writer.endArray()
                writer.endObject()
            }
        }
        var problem = failure.problem
        problem.errors = [
            Problem.FieldError(
                pointer: body.pointer(to: outcome.sent.count),
                detail: "was not sent"
            )
        ]
        problem.extensions = [.integer("sent", outcome.sent.count)]
        return problem.response(requestID: requestID)
    }
}
