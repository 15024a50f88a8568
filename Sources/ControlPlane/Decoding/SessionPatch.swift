import HTTPHosting
import RelayModel

/// A merge patch (RFC 7396) of a definition.
struct SessionPatch: Sendable {
    private let patch: JSONValue
    private let members: [String: JSONValue]

    /// Reads a request's body; throws `invalid-json` and, where it is no object, `invalid-field`.
    init(parsing body: [UInt8]) throws(Problem) {
        patch = try JSONValue(parsing: body)
        members = try patch.members(of: "the patch")
        try Self.checkWhatMergingHides(members)
    }

    /// The definition after the patch.
    ///
    /// Throws 400 for a member that no session can have, and 409 `patch-conflict` when the members
    /// are good by themselves but not for this session (RFC 5789 section 2.2).
    func applied(to definition: SessionDefinition) throws(Problem) -> SessionDefinition {
        do {
            return try SessionDefinition(
                decoding: JSONValue(definition).merged(with: patch),
                as: definition.name
            )
        } catch {
            if error.status != .badRequest { throw error }
            let faulty = members.filter { !isGoodForSomeSession($0.key, $0.value) }
            guard faulty.isEmpty else { throw error.keeping(members: faulty.keys) }
            throw Problem(
                status: .conflict,
                code: "patch-conflict",
                title: "Patch does not fit",
                detail: "the session as patched would break a rule: \(error.detail)",
                errors: error.errors
            )
        }
    }

    /// Refuses members that would leave no trace in the definition: null for what no session has.
    private static func checkWhatMergingHides(
        _ members: [String: JSONValue]
    ) throws(Problem) {
        var reader = ObjectReader(members)
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            switch value {
            case .null where key == SessionField.name.rawValue:
                reader.invalid(key, "must be a string, not null")
            case .null
            where SessionField(rawValue: key) == nil
                && !SessionDefinition.readOnlyMembers.contains(key):
                reader.add(.unknownField, key, "is not a field here")
            case .object(let entries) where key == SessionField.reply.rawValue:
                reader.append(faults(ofReply: entries, at: reader.pointer(to: key)))
            case .object(let entries) where key == SessionField.limits.rawValue:
                reader.append(faults(ofLimits: entries, at: reader.pointer(to: key)))
            case .object(let entries)
            where key == SessionField.labels.rawValue || key == SessionField.annotations.rawValue:
                reader.append(faults(ofMetadata: entries, at: reader.pointer(to: key)))
            default: break
            }
        }
        if let problem = reader.problem { throw problem }
    }

    private static func faults(
        ofReply members: [String: JSONValue],
        at pointer: String
    ) -> [ObjectReader.Fault] {
        var reader = ObjectReader(members, at: pointer)
        reader.finish(ignoring: Set(Reply.forms.map(\.member) + ["to", "ttl", "perSecondMax"]))
        return reader.faults
    }

    private static func faults(
        ofLimits members: [String: JSONValue],
        at pointer: String
    ) -> [ObjectReader.Fault] {
        var reader = ObjectReader(members, at: pointer)
        reader.finish(ignoring: ["datagramsPerSecond", "bytesPerSecond", "burstMilliseconds"])
        return reader.faults
    }

    private static func faults(
        ofMetadata entries: [String: JSONValue],
        at pointer: String
    ) -> [ObjectReader.Fault] {
        var reader = ObjectReader(entries, at: pointer)
        for key in entries.keys.sorted() where !Label.isKey(key) {
            reader.invalid(key, Label.keyRule)
        }
        let most = DefinitionLimits.metadataEntriesMax
        guard entries.count > most else { return reader.faults }
        let detail = "must change at most \(most) entries"
        return reader.faults
            + [ObjectReader.Fault(code: .invalidField, pointer: pointer, detail: detail)]
    }

    private func isGoodForSomeSession(_ key: String, _ value: JSONValue) -> Bool {
        // What is no field at all needs no trial: a body can have a hundred thousand of them.
        if SessionDefinition.readOnlyMembers.contains(key) { return true }
        guard SessionField(rawValue: key) != nil else { return false }
        return Self.examples.contains { example in
            let merged = example.merged(with: .object([key: value]))
            do throws(Problem) {
                _ = try SessionDefinition(decoding: merged.members(of: "an example"), at: "")
                return true
            } catch {
                return !error.errors.contains { $0.concerns(member: key) }
            }
        }
    }

    /// A session of each form, and of each form of reply, with all limits.
    private static let examples: [JSONValue] = {
        let replies = Reply.forms.map { JSONValue.object([$0.member: .string($0.example)]) }
        var examples: [JSONValue] = []
        for group in ["239.0.0.1", "ff05::1"] {
            for kind in [SessionKind.multicastSender, .multicastPeer] {
                examples.append(example(kind, ["group": .string(group)]))
            }
            for reply in replies {
                examples.append(
                    example(.multicastReceiver, ["group": .string(group), "reply": reply])
                )
            }
        }
        for role in ["sender", "peer"] {
            examples.append(example(.broadcast, ["role": .string(role)]))
        }
        for reply in replies {
            examples.append(example(.broadcast, ["role": .string("receiver"), "reply": reply]))
        }
        return examples
    }()

    private static func example(_ kind: SessionKind, _ members: [String: JSONValue]) -> JSONValue {
        .object(
            members.merging([
                "name": .string("example"), "kind": .string(kind.rawValue), "port": .number(1),
                "limits": .object(["datagramsPerSecond": .number(1), "bytesPerSecond": .number(1)]),
            ]) { given, _ in given }
        )
    }
}

extension Problem {
    /// The problem with the faults of these members only, as far as they are known.
    fileprivate func keeping(members: some Collection<String>) -> Problem {
        var problem = self
        let own = errors.filter { fault in members.contains { fault.concerns(member: $0) } }
        if !own.isEmpty { problem.errors = own }
        return problem
    }
}

extension Problem.FieldError {
    fileprivate func concerns(member: String) -> Bool {
        let own = ObjectReader([:]).pointer(to: member)
        return pointer == own || pointer.hasPrefix(own + "/")
    }
}
