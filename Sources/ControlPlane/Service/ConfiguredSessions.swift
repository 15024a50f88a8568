import HTTPHosting
import RelayModel

extension JSONValue {
    /// The `sessions` of a configuration file: an array, of which nothing else is known yet.
    package func elementsOfSessions() throws(DocumentFaults) -> [JSONValue] {
        guard case .array(let elements) = self else {
            throw DocumentFaults([
                .init(code: .invalidField, pointer: "", detail: "must be an array, not \(typeName)")
            ])
        }
        return elements
    }
}

extension ServiceOptions {
    /// The configured sessions; throws what is wrong with the first that is none.
    func configuredDefinitions() throws(Problem) -> [SessionDefinition] {
        var definitions: [SessionDefinition] = []
        for value in configuredSessions {
            definitions.append(try SessionDefinition(decoding: value))
        }
        return definitions
    }

    /// What is wrong with the configured sessions; empty if the service would take them all.
    ///
    /// Their names are chosen by whoever writes the file: a made-up one would be another at every
    /// start.
    package func configuredSessionFaults() -> [DocumentFault] {
        var faults: [DocumentFault] = []
        if configuredSessions.count > limits.sessionsMax {
            let detail = "are \(configuredSessions.count), and sessionsMax is \(limits.sessionsMax)"
            faults.append(DocumentFault(pointer: "", detail: detail))
        }
        var names: Set<SessionName> = []
        for (index, value) in configuredSessions.enumerated() {
            faults += self.faults(of: value, at: "/\(index)", &names)
        }
        guard faults.isEmpty, let definitions = try? configuredDefinitions() else { return faults }
        return SessionRegistry.refusals(among: definitions).flatMap { index, refusal in
            refusal.violations.map {
                DocumentFault(pointer: "/\(index)" + $0.pointer, detail: $0.detail)
            }
        }
    }

    private func faults(
        of value: JSONValue,
        at place: String,
        _ names: inout Set<SessionName>
    ) -> [DocumentFault] {
        let definition: SessionDefinition
        do throws(Problem) {
            definition = try SessionDefinition(decoding: value)
        } catch {
            return error.errors.map {
                DocumentFault(pointer: place + $0.pointer, detail: $0.detail)
            }
        }
        if case .object(let members) = value, members["name"] == nil {
            return [DocumentFault(pointer: place + "/name", detail: "is missing: name the session")]
        }
        if !names.insert(definition.name).inserted {
            let detail = "\(definition.name) is the name of an earlier session too"
            return [DocumentFault(pointer: place + "/name", detail: detail)]
        }
        return policy.violations(of: definition).map {
            DocumentFault(pointer: place + $0.pointer, detail: "\($0.detail) (policy)")
        }
    }
}
