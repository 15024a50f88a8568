/// The configuration that results from all sources, and what is wrong with them.
struct Resolution {
    /// One reason not to start.
    struct Problem: Equatable {
        /// Where it is.
        let origin: Origin
        /// What follows the origin and a colon.
        let sentence: String
    }

    /// The values in force.
    private(set) var configuration = DaemonConfiguration()
    /// Where each value that is not the default was set, by the key of its setting.
    private(set) var origins: [String: Origin] = [:]
    /// Every reason not to start, also values that a stronger source overrides.
    private(set) var problems: [Problem] = []
    /// What is probably a mistake.
    private(set) var warnings: [String] = []

    /// Lays the sources over each other: flag over environment over file over default.
    ///
    /// `flags` has the words of every flag that was given, by the key of its setting; `file` is
    /// the path that `--config` gave, which goes before RELAYCAST_CONFIG.
    init(flags: [String: [String]], file: String?, environment: [String: String]) {
        var path = file ?? environment[ConfigurationFile.environmentVariable]
        if path?.isEmpty == true, file == nil { path = nil }
        if let path {
            add(ConfigurationFile.layer(path: path))
        }
        add(.environment(environment))
        add(.flags(flags))
        if problems.isEmpty, configuration.options.listen.isEmpty,
            configuration.options.unixSocket == nil
        {
            let origin = origins["listen"] ?? .flag("--listen")
            problems.append(
                Problem(origin: origin, sentence: "there is nothing to serve on: no unix socket")
            )
        }
    }

    private mutating func add(_ layer: Layer) {
        problems += layer.problems
        warnings += layer.warnings
        for setting in Setting.all {
            guard let entry = layer.entries[setting.key] else { continue }
            do throws(Refusal) {
                try setting.apply(entry.words, &configuration)
                origins[setting.key] = entry.origin
            } catch {
                problems.append(
                    Problem(
                        origin: entry.origin,
                        sentence: "\"\(error.value)\" \(error.reason)"
                    )
                )
            }
        }
    }
}
