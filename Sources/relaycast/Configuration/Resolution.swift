import ControlPlane

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
    var configuration = DaemonConfiguration()
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
        finish()
    }

    private mutating func add(_ layer: Layer) {
        problems += layer.problems
        warnings += layer.warnings
        for section in FileSection.all {
            guard let entry = layer.sections[section.key] else { continue }
            do throws(DocumentFaults) {
                try section.read(entry.value, &configuration)
                origins[section.key] = entry.origin
            } catch {
                for fault in error.faults { add(fault, to: entry.origin) }
            }
        }
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
    // MARK: - Problems found later

    /// Notes a reason not to start; a value without an origin is the default.
    mutating func refuse(_ origin: Origin?, _ sentence: String) {
        problems.append(Problem(origin: origin ?? .builtIn, sentence: sentence))
    }

    /// Notes a fault of a document, or of a part of one.
    mutating func add(_ fault: DocumentFault, to origin: Origin?) {
        refuse(
            origin,
            fault.pointer.isEmpty ? fault.detail : "\(fault.pointer): \(fault.detail)"
        )
    }

    /// Notes what is probably a mistake.
    mutating func warn(_ sentence: String) { warnings.append(sentence) }
}
