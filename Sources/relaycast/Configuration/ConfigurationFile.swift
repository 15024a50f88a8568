import Foundation

/// The configuration file: one JSON object whose keys are those of the settings.
enum ConfigurationFile {
    /// The flag that names the file.
    static let flag = "--config"
    /// The environment variable that names the file.
    static let environmentVariable = "RELAYCAST_CONFIG"

    /// Most bytes of a file, so that a wrong path such as /dev/zero is no endless read.
    static let bytesMax = 1_048_576

    /// What the file sets; a file that cannot be read is a problem, as its user counted on it.
    static func layer(path: String) -> Layer {
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            data = try handle.read(upToCount: bytesMax + 1) ?? Data()
        } catch {
            return refused(path, "cannot be read: \(reason(for: error))")
        }
        guard data.count <= bytesMax else {
            return refused(path, "has more than \(bytesMax) bytes")
        }
        do {
            let value = try JSONDecoder().decode(JSONValue.self, from: data)
            guard case .object(let object) = value else {
                return refused(path, "is not a JSON object")
            }
            return layer(of: object, path: path)
        } catch {
            return refused(path, "is not JSON: \(syntaxError(in: data))")
        }
    }

    private static func layer(of object: [String: JSONValue], path: String) -> Layer {
        var layer = Layer()
        for (key, value) in object.sorted(by: { $0.key < $1.key }) {
            let origin = Origin.file(path: path, key: key)
            guard let setting = Setting.all.first(where: { $0.key == key }) else {
                let known = Setting.all.map(\.key).joined(separator: ", ")
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
                        sentence: "\(value) is not \(setting.form.inJSON); it must be "
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

    /// What errno said, without the error around it.
    private static func reason(for error: any Error) -> String {
        let underlying = (error as? CocoaError)?.underlying ?? error
        return (underlying as NSError).localizedFailureReason ?? underlying.localizedDescription
    }

    /// Where JSON ends to be JSON: JSONSerialization knows, JSONDecoder does not tell.
    private static func syntaxError(in data: Data) -> String {
        do {
            _ = try JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed)
        } catch {
            let detail = (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String
            return detail ?? error.localizedDescription
        }
        return "it has a number that is too large."
    }
}

extension Setting.Form {
    /// The JSON type, for a sentence.
    fileprivate var inJSON: String {
        switch self {
        case .text: "a string"
        case .integer: "a number without a fraction"
        case .list: "an array of strings"
        }
    }
}
