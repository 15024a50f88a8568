import HTTPHosting
import RelayModel

/// Takes the members of a JSON object one by one and collects what is wrong with them.
struct ObjectReader {
    /// Something wrong with the body, with the problem code it stands for.
    struct Fault {
        enum Code: String {
            case unknownField = "unknown-field"
            case missingField = "missing-field"
            case invalidField = "invalid-field"
        }

        let code: Code
        /// A JSON pointer (RFC 6901).
        let pointer: String
        let detail: String
    }

    /// Those that nobody has taken.
    private(set) var members: [String: JSONValue]
    private let pointer: String
    private(set) var faults: [Fault] = []

    init(_ members: [String: JSONValue], at pointer: String = "") {
        self.members = members
        self.pointer = pointer
    }

    // MARK: - Faults

    mutating func add(_ code: Fault.Code, _ key: String, _ detail: String) {
        faults.append(Fault(code: code, pointer: pointer(to: key), detail: detail))
    }

    mutating func invalid(_ key: String, _ detail: String) { add(.invalidField, key, detail) }

    mutating func append(_ more: [Fault]) { faults += more }

    /// Where the object itself is.
    var objectPointer: String { pointer }

    func pointer(to key: String) -> String { "\(pointer)/\(Self.escaped(key))" }

    private static func escaped(_ key: String) -> String {
        var escaped = ""
        for character in key.unicodeScalars {
            switch character {
            case "~": escaped += "~0"
            case "/": escaped += "~1"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }

    /// Faults for the members that nobody took.
    mutating func finish(ignoring ignored: Set<String> = []) {
        for key in members.keys.sorted() where !ignored.contains(key) {
            add(.unknownField, key, "is not a field here")
        }
        members = [:]
    }

    /// The problem that the faults make together; nil when there are none.
    var problem: Problem? {
        guard let first = faults.first else { return nil }
        return Problem(first.code, faults)
    }

    // MARK: - Values

    /// Takes a member away; nil when it is absent.
    mutating func take(_ key: String) -> JSONValue? { members.removeValue(forKey: key) }

    /// Whether the member is there and was not taken.
    func has(_ key: String) -> Bool { members[key] != nil }

    mutating func string(_ key: String) -> String? {
        guard let value = take(key) else { return nil }
        if case .string(let text) = value { return text }
        invalid(key, "must be a string, not \(value.typeName)")
        return nil
    }

    mutating func boolean(_ key: String) -> Bool? {
        guard let value = take(key) else { return nil }
        if case .boolean(let flag) = value { return flag }
        invalid(key, "must be true or false, not \(value.typeName)")
        return nil
    }

    /// A whole number in the range; `5.0` is whole (JSON Schema 2020-12).
    mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = take(key) else { return nil }
        guard case .number(let number) = value else {
            invalid(key, "must be an integer, not \(value.typeName)")
            return nil
        }
        guard let integer = Int(exactly: number), range.contains(integer) else {
            invalid(key, "must be an integer from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return integer
    }

    /// One of the words of an enumeration.
    mutating func word<Word: RawRepresentable & CaseIterable>(
        _ key: String,
        _ type: Word.Type
    ) -> Word? where Word.RawValue == String {
        guard let text = string(key) else { return nil }
        if let word = Word(rawValue: text) { return word }
        invalid(key, "must be " + Word.allCases.map(\.rawValue).joined(separator: ", "))
        return nil
    }

    /// A string that `parse` understands.
    mutating func parsed<Value>(
        _ key: String,
        _ what: String,
        _ parse: (String) -> Value?
    ) -> Value? {
        guard let text = string(key) else { return nil }
        if let value = parse(text) { return value }
        invalid(key, Self.ruleOfZones(text, key) ?? "must be \(what)")
        return nil
    }

    /// What to do with an address that has a zone (RFC 4007, 11), as in `ff02::4242%eth0`; nil for
    /// every other text.
    private static func ruleOfZones(_ text: String, _ key: String? = nil) -> String? {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(parts[0]) else { return nil }
        let rest = parts[1].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let prefix = rest.count == 2 ? "/\(rest[1])" : ""
        let zone = nameOfZone(rest[0])
        return key == SessionField.interface.rawValue
            ? "must be the name of the interface, \(zone), or an address without a zone"
            : "must be without a zone: write \(address)\(prefix), and \(zone) in interface"
    }

    /// A zone may be the index of an interface, too, which `interface` does not take.
    private static func nameOfZone(_ zone: Substring) -> String {
        if zone.isEmpty { return "the zone" }
        return zone.allSatisfy(\.isNumber) ? "the name of interface \(zone)" : String(zone)
    }

    /// A list of strings that `parse` understands, all different if `unique`; nil after a fault.
    mutating func list<Value>(
        _ key: String,
        _ what: String,
        count: ClosedRange<Int>,
        unique: Bool = false,
        _ parse: (String) -> Value?
    ) -> [Value]? {
        guard let value = take(key) else { return nil }
        guard case .array(let elements) = value else {
            invalid(key, "must be an array, not \(value.typeName)")
            return nil
        }
        guard count.contains(elements.count) else {
            invalid(key, "must have \(count.lowerBound) to \(count.upperBound) elements")
            return nil
        }
        var seen: Set<String> = []
        var values: [Value] = []
        for (index, element) in elements.enumerated() {
            guard case .string(let text) = element, let value = parse(text) else {
                append([
                    Fault(
                        code: .invalidField,
                        pointer: "\(pointer(to: key))/\(index)",
                        detail: Self.ruleOfZones(text(of: element)) ?? "must be \(what)"
                    )
                ])
                continue
            }
            if unique && !seen.insert(text).inserted {
                invalid(key, "\(text) is listed twice")
                continue
            }
            values.append(value)
        }
        return values.count == elements.count ? values : nil
    }

    private func text(of value: JSONValue) -> String {
        if case .string(let text) = value { text } else { "" }
    }

    /// A nested object to read in turn.
    mutating func object(_ key: String) -> ObjectReader? {
        guard let value = take(key) else { return nil }
        if case .object(let members) = value { return ObjectReader(members, at: pointer(to: key)) }
        invalid(key, "must be an object, not \(value.typeName)")
        return nil
    }
}
