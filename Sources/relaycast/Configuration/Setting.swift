/// One thing that can be configured: by a flag, an environment variable or a key of the
/// configuration file, which all three follow from its key.
struct Setting: Sendable {
    /// What the value is in the configuration file.
    enum Form: Sendable {
        /// A string.
        case text
        /// A number without a fraction.
        case integer
        /// `true` or `false`, in words also for the flag.
        case boolean
        /// An array of strings; repeated as a flag, separated by commas in the environment.
        case list
    }

    /// The key in the configuration file, such as `dataDirectory`.
    let key: String
    /// The flag, such as `--data-directory`.
    let flag: String
    /// What the value is in the configuration file.
    let form: Form
    /// What stands for the value in the help.
    let valueName: String
    /// What it does, in a few words without a full stop.
    let summary: String
    /// What is allowed, as the end of "it must be …".
    let allowed: String
    /// Sets the value from its words: one, or any number for a list.
    let apply: @Sendable ([String], inout DaemonConfiguration) throws(Refusal) -> Void
    /// The value in force, for people.
    let describe: @Sendable (DaemonConfiguration) -> String
    /// Whether SIGHUP is enough for a new value; else it takes a restart.
    var isReloaded = false

    /// The environment variable, such as `RELAYCAST_DATA_DIRECTORY`.
    var environmentVariable: String {
        Self.environmentPrefix + key.words.joined(separator: "_").uppercased()
    }

    /// What all environment variables of the daemon begin with.
    static let environmentPrefix = "RELAYCAST_"
}

/// Why a value cannot be used.
struct Refusal: Error, Equatable {
    /// The word that is refused, as it was written.
    let value: String
    /// The rest of a sentence that begins with the value.
    let reason: String
}

extension String {
    /// The lower-case words of a camelCase name: `data`, `directory`; `client`, `ca`.
    var words: [String] {
        var words: [String] = []
        var isInCapitals = false
        for character in self {
            if words.isEmpty || (character.isUppercase && !isInCapitals) {
                words.append(character.lowercased())
            } else {
                words[words.count - 1].append(character.lowercased())
            }
            isInCapitals = character.isUppercase
        }
        return words
    }
}
