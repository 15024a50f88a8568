import ArgumentParser

extension Setting {
    /// The help of a setting's flag: what it does, its other two names, its default and its range.
    static func help(_ key: String) -> ArgumentHelp {
        guard let setting = all.first(where: { $0.key == key }) else {
            preconditionFailure("there is no setting \(key)")
        }
        return ArgumentHelp(
            "\(setting.summary) (environment: \(setting.environmentVariable), "
                + "file: \(setting.key), default: \(setting.describe(DaemonConfiguration())), "
                + "allowed: \(setting.allowed))",
            valueName: setting.valueName
        )
    }

    /// How the sources go together, for `--help`.
    static let discussion = """
        A value may be given by a flag, by an environment variable, or by a key of the \
        configuration file, a JSON object such as {"listen": ["127.0.0.1:8080"], \
        "sessionsMax": 500}. A flag goes before the environment, the environment before the file, \
        and the file before the default. In the environment the parts of a list are separated by \
        commas.
        """
}
