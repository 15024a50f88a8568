/// How a line of the log looks.
enum LogFormat: String, CaseIterable, Sendable {
    /// For people: time, level, message, key=value.
    case text
    /// For programs: one JSON object a line.
    case json
}
