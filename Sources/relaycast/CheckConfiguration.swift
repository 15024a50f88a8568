import ArgumentParser

/// `relaycast check-config`: what `serve` would run with, without running it.
struct CheckConfiguration: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Print the effective configuration and where each value comes from.",
        discussion: """
            Takes the options of serve. Exits with 0 if serve would accept them, with 64 or 78 and \
            every error if not.

            """ + Setting.discussion
    )

    @OptionGroup var arguments: ServiceArguments

    func run() throws {
        let resolution = try arguments.resolvedOrExit()
        for warning in resolution.warnings {
            StandardError.write("relaycast: warning: \(warning)\n")
        }
        StandardOutput.write(Self.report(resolution))
    }

    /// One line a setting: key, value, source.
    static func report(_ resolution: Resolution) -> String {
        let configuration = resolution.configuration
        let values =
            Setting.all.map { ($0.key, $0.describe(configuration)) }
            + FileSection.all.map { ($0.key, $0.describe(configuration)) }
        let rows = values.map { key, value in
            (key, value, "\(resolution.origins[key] ?? .builtIn)")
        }
        let keyWidth = rows.map(\.0.count).max() ?? 0
        let valueWidth = rows.map(\.1.count).max() ?? 0
        return rows.map { key, value, origin in
            padded(key, to: keyWidth) + "  " + padded(value, to: valueWidth) + "  \(origin)\n"
        }
        .joined()
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: width - text.count)
    }
}
