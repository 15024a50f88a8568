import HTTPHosting
import HTTPTypes
import RelayModel
import SessionStore

// /v1/sessions and /v1/sessions/{name}: writing

extension API {
    var writingRoutes: [Route] {
        [
            Route(.post, "/v1/sessions", consumes: ["application/json"]) {
                [self] request, _ throws(Problem) in try createSession(request)
            },
            Route(.delete, "/v1/sessions") { [self] request, _ throws(Problem) in
                try deleteSessions(request)
            },
            Route(.put, "/v1/sessions/{name}", consumes: ["application/json"]) {
                [self] request, parameters throws(Problem) in try putSession(request, parameters)
            },
            Route(.patch, "/v1/sessions/{name}", consumes: ["application/merge-patch+json"]) {
                [self] request, parameters throws(Problem) in try patchSession(request, parameters)
            },
            Route(.delete, "/v1/sessions/{name}") { [self] request, parameters throws(Problem) in
                try deleteSession(request, parameters)
            },
        ]
    }

    private func createSession(_ request: Request) throws(Problem) -> Answer {
        _ = try QueryReader(request, allowed: [])
        guard let key = try IdempotencyKey(request) else {
            return try create(request) { _, _ in [] }
        }
        switch idempotentAnswers.begin(key) {
        case .answer(let response): return .now(response)
        case .refused(let problem): throw problem
        case .begun(let attempt):
            return try create(request, attempt) { session, response in
                session.isStored ? attempt.changes(response) : []
            }
        }
    }

    private func create(
        _ request: Request,
        _ attempt: IdempotentAnswers.Attempt? = nil,
        remember: @escaping @Sendable (ManagedSession, Response) -> [StoreChange]
    ) throws(Problem) -> Answer {
        let definition = try SessionDefinition(decoding: JSONValue(parsing: request.body))
        return try write { [registry] () throws(Problem) in
            do throws(SessionError) {
                try request.checkReach(definition.labels)
                try request.checkTargets(definition, replacing: nil) { name in
                    registry.session(name).map(request.reaches) ?? false
                }
                let session = try registry.create(definition, .request(request)) { session in
                    remember(session, Self.response(session, status: .created))
                }
                let response = Self.response(session, status: .created)
                attempt?.succeed(response)
                return response
            } catch {
                attempt?.end()
                throw error.problem(creating: definition)
            }
        }
    }

    private func putSession(
        _ request: Request,
        _ parameters: PathParameters
    ) throws(Problem) -> Answer {
        _ = try QueryReader(request, allowed: [])
        let definition = try SessionDefinition(
            decoding: JSONValue(parsing: request.body),
            as: try Self.name(parameters)
        )
        let preconditions = try Preconditions(request)
        return try write { [self] () throws(Problem) in
            try put(definition, preconditions, request)
        }
    }

    private func patchSession(
        _ request: Request,
        _ parameters: PathParameters
    ) throws(Problem) -> Answer {
        _ = try QueryReader(request, allowed: [])
        let patch = try SessionPatch(parsing: request.body)
        _ = try session(request, parameters)
        let preconditions = try Preconditions(request)
        return try write { [self] () throws(Problem) in
            let session = try session(request, parameters)
            guard let current = session.definition else {
                throw SessionError(
                    .definitionUnreadable,
                    "the stored definition cannot be read; put a whole one in its place"
                ).problem
            }
            return try put(patch.applied(to: current), preconditions, request)
        }
    }

    /// On the control thread.
    private func put(
        _ definition: SessionDefinition,
        _ preconditions: Preconditions,
        _ request: Request
    ) throws(Problem) -> Response {
        do throws(SessionError) {
            let present = registry.session(definition.name)
            try request.checkReach(definition, replacing: present)
            try request.checkTargets(definition, replacing: present) { name in
                registry.session(name).map(request.reaches) ?? false
            }
            let (session, outcome) = try registry.put(
                definition,
                preconditions,
                .request(request)
            )
            return Self.response(session, status: outcome == .created ? .created : .ok)
        } catch {
            throw error.problem(creating: definition)
        }
    }

    private func deleteSession(
        _ request: Request,
        _ parameters: PathParameters
    ) throws(Problem) -> Answer {
        let query = try QueryReader(request, allowed: ["allowMissing"])
        let allowsMissing = try query.flag("allowMissing")
        let preconditions = try Preconditions(request)
        return try write { [self] () throws(Problem) in
            let name: SessionName
            do throws(Problem) {
                name = try session(request, parameters).name
            } catch {
                // A name that no session can have is a mistake, and not of a session that is gone.
                guard allowsMissing, let name = SessionName(parameters["name"]) else { throw error }
                try Self.checkMissing(name, preconditions)
                return .noContent
            }
            do throws(SessionError) {
                try registry.delete(name, preconditions, .request(request))
            } catch {
                throw error.problem
            }
            return .noContent
        }
    }

    /// Where it is good that there is no session, a condition may still ask for one.
    private static func checkMissing(
        _ name: SessionName,
        _ preconditions: Preconditions
    ) throws(Problem) {
        do throws(SessionError) {
            try preconditions.check(nil, name)
        } catch {
            throw error.problem
        }
    }

    private func deleteSessions(_ request: Request) throws(Problem) -> Answer {
        let query = try QueryReader(request, allowed: ["selector"])
        guard let selector = try query.selector("selector") else {
            throw .invalidQuery("say which sessions are meant, for example selector=env=test")
        }
        return try write { [registry] () throws(Problem) in
            do throws(SessionError) {
                let deleted = try registry.deleteAll(
                    where: { request.reaches($0) && $0.isChosen(by: selector) },
                    .request(request)
                )
                return .json { writer in
                    writer.beginObject()
                    writer.key("deleted")
                    writer.beginArray()
                    for name in deleted { writer.value(name.description) }
                    writer.endArray()
                    writer.endObject()
                }
            } catch {
                throw error.problem
            }
        }
    }

    /// The name in the path of what is to be written.
    static func name(_ parameters: PathParameters) throws(Problem) -> SessionName {
        guard let name = SessionName(parameters["name"]) else {
            throw Problem(
                .invalidField,
                [
                    ObjectReader.Fault(
                        code: .invalidField,
                        pointer: "/name",
                        detail: "a session's name has \(SessionName.rule)"
                    )
                ]
            )
        }
        return name
    }
}
