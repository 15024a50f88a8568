import HTTPHosting
import RelayModel

extension JSONWriter {
    /// What became of every definition of a set.
    mutating func results(
        _ results: [ApplyResult],
        _ definitions: [SessionDefinition],
        dryRun: Bool
    ) {
        beginObject()
        key("items")
        beginArray()
        for (index, result) in results.enumerated() {
            beginObject()
            member("name", result.name.description)
            member("result", result.outcome.rawValue)
            if let error = result.error {
                key("error")
                error.problem(creating: definitions[index]).write(to: &self)
            }
            if result.outcome == .updated {
                member("reopened", result.isReopened)
                if let before = result.before {
                    changes(result.changed, from: before, to: definitions[index])
                }
            }
            endObject()
        }
        endArray()
        member("dryRun", dryRun)
        endObject()
    }

    /// Every field that differs, with its value before and after; a value that is not shown, as it
    /// has no default, is left out.
    private mutating func changes(
        _ fields: [SessionField],
        from old: SessionDefinition,
        to new: SessionDefinition
    ) {
        guard case .object(let before) = JSONValue(old), case .object(let after) = JSONValue(new)
        else { preconditionFailure("a definition is written as an object") }
        key("changes")
        beginArray()
        for field in fields {
            beginObject()
            member("field", field.rawValue)
            if let value = before[field.rawValue] { member("from", value) }
            if let value = after[field.rawValue] { member("to", value) }
            endObject()
        }
        endArray()
    }

    private mutating func member(_ name: String, _ value: JSONValue) {
        key(name)
        self.value(value)
    }

    private mutating func value(_ json: JSONValue) {
        switch json {
        case .null: raw(Array("null".utf8))
        case .boolean(let flag): value(flag)
        case .number(let number):
            if let integer = Int(exactly: number) { value(integer) } else { value(number) }
        case .string(let text): value(text)
        case .array(let elements):
            beginArray()
            for element in elements { value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for (name, element) in members.sorted(by: { $0.key < $1.key }) {
                member(name, element)
            }
            endObject()
        }
    }
}
