import HTTPHosting
import RelayModel

// /v1/apply and /v1/export: whole sets of definitions

extension API {
    /// Most definitions of one apply.
    static let applyItemsMax = 10_000
    /// Most bytes of the body of an apply, unless all bodies may have more.
    static let applyBytesMax = 16 * 1024 * 1024

    var applyRoutes: [Route] {
        [
            Route(
                .post,
                "/v1/apply",
                consumes: ["application/json"],
                bodyBytesMax: max(Self.applyBytesMax, options.limits.bodyBytesMax)
            ) { [self] request, _ throws(Problem) in try apply(request) },
            Route(.get, "/v1/export") { [self] request, _ throws(Problem) in
                .now(try export(request))
            },
        ]
    }

    private func apply(_ request: Request) throws(Problem) -> Answer {
        let options = try Self.options(request)
        return try write { [registry] () throws(Problem) in
            // Here, because a large body takes longer to read than the listener has time.
            let definitions = try Self.definitions(JSONValue(parsing: request.body))
            // What this set makes can be forwarded to.
            let made = Set(definitions.filter { request.reaches($0.labels) }.map(\.name))
            do throws(ApplyFailure) {
                let results = try registry.apply(
                    definitions,
                    options,
                    .request(request),
                    admits: { (definition, isMade) throws(SessionError) in
                        let present = registry.session(definition.name)
                        try request.checkReach(definition, replacing: present)
                        try request.checkTargets(definition, replacing: present) { name in
                            registry.session(name).map(request.reaches)
                                ?? (made.contains(name) && isMade(name))
                        }
                    },
                    reaches: { request.reaches($0) }
                )
                return .json { $0.results(results, definitions, dryRun: options.isDryRun) }
            } catch {
                throw error.problem(applying: definitions)
            }
        }
    }

    private static func options(_ request: Request) throws(Problem) -> ApplyOptions {
        let query = try QueryReader(request, allowed: ["dryRun", "atomic", "prune", "selector"])
        var options = ApplyOptions()
        options.isDryRun = try query.flag("dryRun")
        options.isAtomic = try query.flag("atomic")
        let selector = try query.selector("selector")
        let prunes = try query.flag("prune")
        guard prunes == (selector != nil) else {
            throw .invalidQuery(
                prunes
                    ? "prune needs a selector, for example prune=true&selector=env=test"
                    : "selector says what prune=true may delete; give both or none"
            )
        }
        options.prune = selector
        return options
    }

    /// The definitions of a body `{"items":[…]}`, with every fault at its place.
    private static func definitions(_ body: JSONValue) throws(Problem) -> [SessionDefinition] {
        var reader = ObjectReader(try body.members(of: "the body"))
        let items = reader.take("items")
        guard case .array(let elements)? = items, elements.count <= applyItemsMax else {
            if items == nil {
                reader.add(.missingField, "items", "list the definitions")
            } else {
                reader.invalid("items", "must be an array of at most \(applyItemsMax) definitions")
            }
            throw reader.problem ?? .invalidJSON("the body has no items")
        }
        reader.finish(ignoring: ["total", "revision", "nextPageToken"])
        if let problem = reader.problem { throw problem }
        var definitions: [SessionDefinition] = []
        definitions.reserveCapacity(elements.count)
        var names: Set<SessionName> = []
        for (index, element) in elements.enumerated() {
            let pointer = "/items/\(index)"
            var element = ObjectReader(
                try element.members(of: "item \(index)", at: pointer),
                at: pointer
            )
            if !element.has("name") { element.add(.missingField, "name", "name the session") }
            if let problem = element.problem { throw problem }
            let definition = try SessionDefinition(decoding: element.members, at: pointer)
            guard names.insert(definition.name).inserted else {
                let detail = "\(definition.name) is there twice"
                throw Problem(
                    status: .conflict,
                    code: "name-in-use",
                    title: "Name in use",
                    detail: "\(pointer)/name: \(detail); nothing was changed",
                    errors: [Problem.FieldError(pointer: pointer + "/name", detail: detail)]
                )
            }
            definitions.append(definition)
        }
        return definitions
    }

    private func export(_ request: Request) throws(Problem) -> Response {
        let query = try QueryReader(request, allowed: ["selector"])
        let selector = try query.selector("selector")
        return .json { writer in
            writer.beginObject()
            writer.key("items")
            writer.beginArray()
            for session in registry.snapshot().sessions {
                guard request.reaches(session), selector.map(session.isChosen) ?? true,
                    let definition = session.definition
                else { continue }
                writer.beginObject()
                writer.members(of: definition)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
    }
}

extension ApplyFailure {
    /// The problem of the definition that was refused, at its place in the body.
    fileprivate func problem(applying definitions: [SessionDefinition]) -> Problem {
        guard let index else {
            var problem = error.problem
            problem.detail += "; nothing was changed"
            return problem
        }
        var problem = error.problem(creating: definitions[index])
        let faults =
            problem.errors.isEmpty
            ? [Problem.FieldError(pointer: "", detail: error.detail)] : problem.errors
        problem.errors = faults.map { fault in
            Problem.FieldError(pointer: "/items/\(index)" + fault.pointer, detail: fault.detail)
        }
        problem.detail += "; nothing was changed"
        return problem
    }
}
