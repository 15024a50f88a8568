import ControlPlane

/// The configuration file: one JSON object whose keys are those of the settings and sections.
enum ConfigurationFile {
    /// The flag that names the file.
    static let flag = "--config"
    /// The environment variable that names the file.
    static let environmentVariable = "RELAYCAST_CONFIG"

    /// What the file sets; a file that cannot be read is a problem, as its user counted on it.
    static func layer(path: String) -> Layer {
        let file: OperatorFile
        do throws(OperatorFile.Failure) {
            file = try OperatorFile(path: path)
        } catch {
            return refused(path, error.reason)
        }
        do throws(JSONParser.Failure) {
            guard case .object(let object) = try JSONParser.parse(file.bytes) else {
                return refused(path, "is not a JSON object")
            }
            if object[FileSection.handlersKey] != nil, let reason = otherWriters(of: file) {
                return refused(path, "declares commands and \(reason)")
            }
            return layer(of: object, path: path)
        } catch {
            return refused(path, error.sentence(in: file.bytes))
        }
    }

    /// Why others can write the file; whoever can write it says what is executed.
    private static func otherWriters(of file: OperatorFile) -> String? {
        do throws(OperatorFile.Failure) {
            try file.refuseOtherWriters()
            return nil
        } catch {
            return error.reason
        }
    }

    private static func layer(of object: [String: JSONValue], path: String) -> Layer {
        var layer = Layer()
        for (key, value) in object.sorted(by: { $0.key < $1.key }) {
            let origin = Origin.file(path: path, key: key)
            if FileSection.all.contains(where: { $0.key == key }) {
                layer.sections[key] = Layer.Section(value: value, origin: origin)
                continue
            }
            guard let setting = Setting.all.first(where: { $0.key == key }) else {
                let known = (Setting.all.map(\.key) + FileSection.all.map(\.key))
                    .joined(separator: ", ")
                layer.problems.append(
                    .init(origin: origin, sentence: "is unknown; known are \(known)")
                )
                continue
            }
            if let words = value.words(as: setting.form) {
                layer.entries[key] = Layer.Entry(words: words, origin: origin)
            } else {
                layer.problems.append(
                    .init(
                        origin: origin,
                        sentence: "\(value.text) is not \(setting.form.inJSON); it must be "
                            + setting.allowed
                    )
                )
            }
        }
        return layer
    }

    private static func refused(_ path: String, _ sentence: String) -> Layer {
        var layer = Layer()
        layer.problems = [.init(origin: .file(path: path, key: nil), sentence: sentence)]
        return layer
    }
}

extension Setting.Form {
    /// The JSON type, for a sentence.
    fileprivate var inJSON: String {
        switch self {
        case .text: "a string"
        case .integer: "a number without a fraction"
        case .boolean: "true or false"
        case .list: "an array of strings"
        }
    }
}
