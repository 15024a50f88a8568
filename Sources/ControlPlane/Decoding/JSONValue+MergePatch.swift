import HTTPHosting
import RelayModel

extension JSONValue {
    /// The value after a merge patch (RFC 7396): members are replaced one by one, and removed by
    /// null; anything but an object replaces the whole.
    func merged(with patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var members: [String: JSONValue] = [:]
        if case .object(let present) = self { members = present }
        for (key, change) in changes {
            members[key] =
                change == .null ? nil : (members[key] ?? .null).merged(with: change)
        }
        return .object(members)
    }

    /// A definition as a client sees it, without read-only members.
    init(_ definition: SessionDefinition) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.members(of: definition)
        writer.endObject()
        do {
            self = try JSONParser.parse(writer.bytes)
        } catch {
            preconditionFailure("a definition is written as JSON: \(error.detail)")
        }
    }

    /// The members of an object; anything else is a problem `invalid-field`.
    func members(
        of what: String,
        at pointer: String = ""
    ) throws(Problem) -> [String: JSONValue] {
        guard case .object(let members) = self else {
            let detail = "\(what) must be an object, not \(typeName)"
            throw Problem(
                .invalidField,
                [ObjectReader.Fault(code: .invalidField, pointer: pointer, detail: detail)]
            )
        }
        return members
    }
}
