import ControlPlane

/// A part of the configuration that only the file can have, since it is more than a value.
struct FileSection: Sendable {
    /// Its key in the file.
    let key: String
    /// Sets the configuration from what stands under the key.
    let read: @Sendable (JSONValue, inout DaemonConfiguration) throws(DocumentFaults) -> Void
    /// What is in force, for people.
    let describe: @Sendable (DaemonConfiguration) -> String

    /// Every section, in the order in which they are read.
    static let all = [policy, handlers, sessions]

    private static let policy = FileSection(
        key: "policy",
        read: { (value, configuration) throws(DocumentFaults) in
            configuration.options.policy = try SessionPolicy(decoding: value)
        },
        describe: { "\($0.options.policy)" }
    )

    /// The key of the commands: whoever writes them says what is executed.
    static let handlersKey = "handlers"

    private static let handlers = FileSection(
        key: handlersKey,
        read: { (value, configuration) throws(DocumentFaults) in
            configuration.options.handlers = try value.handlers()
        },
        describe: { configuration in
            let names = configuration.options.handlers.keys.sorted().map(\.description)
            return names.isEmpty ? "none" : names.joined(separator: ", ")
        }
    )

    private static let sessions = FileSection(
        key: "sessions",
        read: { (value, configuration) throws(DocumentFaults) in
            configuration.options.configuredSessions = try value.elementsOfSessions()
        },
        describe: { "\($0.options.configuredSessions.count)" }
    )
}
