import ControlPlane

/// What one source sets: the file, the environment or the command line.
struct Layer {
    /// The words for one setting, and where they stand.
    struct Entry {
        let words: [String]
        let origin: Origin
    }

    /// What stands under the key of a section, and where.
    struct Section {
        let value: JSONValue
        let origin: Origin
    }

    /// By the key of the setting.
    var entries: [String: Entry] = [:]
    /// By the key of the section.
    var sections: [String: Section] = [:]
    /// What is wrong with the source itself.
    var problems: [Resolution.Problem] = []
    /// What is probably a mistake.
    var warnings: [String] = []
}

extension Layer {
    /// The flags that were given, by the key of their setting.
    static func flags(_ words: [String: [String]]) -> Layer {
        var layer = Layer()
        for setting in Setting.all {
            if let words = words[setting.key], !words.isEmpty {
                layer.entries[setting.key] = Entry(words: words, origin: .flag(setting.flag))
            }
        }
        return layer
    }

    /// The variables that begin with RELAYCAST_. An empty one is as good as none.
    static func environment(_ variables: [String: String]) -> Layer {
        var layer = Layer()
        var known: Set = [ConfigurationFile.environmentVariable]
        for setting in Setting.all {
            let name = setting.environmentVariable
            known.insert(name)
            guard let value = variables[name], !value.isEmpty else { continue }
            let words = setting.form == .list ? Self.list(value) : [value]
            layer.entries[setting.key] = Entry(words: words, origin: .environment(name))
        }
        for name in variables.keys.sorted()
        where name.hasPrefix(Setting.environmentPrefix) && !known.contains(name) {
            layer.warnings.append("the environment variable \(name) means nothing to relaycast")
        }
        return layer
    }

    /// The parts between commas, without the white space around them.
    private static func list(_ value: String) -> [String] {
        value.split(separator: ",", omittingEmptySubsequences: false).map { part in
            String(
                part.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()
            )
        }
    }
}
