/// Where a value was set.
enum Origin: Equatable, Sendable {
    /// By a flag of the command line.
    case flag(String)
    /// By an environment variable.
    case environment(String)
    /// By a key of the configuration file, or by the file as a whole.
    case file(path: String, key: String?)
    /// By nobody: it is the default.
    case builtIn
}

extension Origin: CustomStringConvertible {
    var description: String {
        switch self {
        case .flag(let name): "flag \(name)"
        case .environment(let name): "environment \(name)"
        case .file(let path, let key?): "file \(path), key \(key)"
        case .file(let path, nil): "file \(path)"
        case .builtIn: "default"
        }
    }
}
