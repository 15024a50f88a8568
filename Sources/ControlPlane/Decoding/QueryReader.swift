import HTTPHosting
import RelayModel

/// Takes the parameters of a query; what is unknown, repeated or malformed is `invalid-query`.
struct QueryReader {
    private let values: [String: String]

    /// - Parameter allowed: not looked at where there is no query.
    init(_ request: Request, allowed: @autoclosure () -> Set<String>) throws(Problem) {
        guard !request.query.isEmpty else {
            values = [:]
            return
        }
        let allowed = allowed()
        var values: [String: String] = [:]
        for item in request.query {
            guard allowed.contains(item.name) else {
                let known =
                    allowed.isEmpty
                    ? "there are none here" : allowed.sorted().joined(separator: ", ")
                throw .invalidQuery("unknown parameter \(item.name); known: \(known)")
            }
            guard values.updateValue(item.value, forKey: item.name) == nil else {
                throw .invalidQuery("\(item.name) is given twice")
            }
        }
        self.values = values
    }

    func string(_ name: String) -> String? { values[name] }

    func integer<Integer: FixedWidthInteger>(
        _ name: String,
        in range: ClosedRange<Integer>
    ) throws(Problem) -> Integer? {
        guard let text = values[name] else { return nil }
        guard let first = text.utf8.first, first != UInt8(ascii: "+"), let value = Integer(text),
            range.contains(value)
        else {
            throw .invalidQuery(
                "\(name) must be an integer from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return value
    }

    /// `true` or `false`; false where it is not given.
    func flag(_ name: String) throws(Problem) -> Bool {
        try word(name, ["true or false"]) { Bool($0) } ?? false
    }

    func selector(_ name: String) throws(Problem) -> LabelSelector? {
        guard let text = values[name] else { return nil }
        do {
            return try LabelSelector(text)
        } catch {
            throw .invalidQuery("\(name) \(error)")
        }
    }

    func word<Word>(
        _ name: String,
        _ words: [String],
        _ parse: (String) -> Word?
    ) throws(Problem) -> Word? {
        guard let text = values[name] else { return nil }
        guard let word = parse(text) else {
            throw .invalidQuery("\(name) must be " + words.joined(separator: ", "))
        }
        return word
    }
}
