import HTTPHosting

/// A new token: a secret for its bearer, and what the tokens file says of it.
package struct NewToken: Sendable {
    /// 256 random bits as 64 hexadecimal digits. Shown once, kept nowhere.
    package let secret: String
    /// The entry for `tokens` of the tokens file, as one line of JSON.
    package let entry: String

    /// Makes a token; `expiresAt` and `selector` are written as they are given.
    ///
    /// - Throws: what the tokens file would be refused for.
    package init(
        id: String,
        scopes: [String],
        selector: String? = nil,
        expiresAt: String? = nil,
        requestsPerSecond: Int? = nil
    ) throws(DocumentFaults) {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let digits = Array("0123456789abcdef")
        secret = String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
        let digest = SHA256Digest(of: Array(secret.utf8)).hexadecimal

        var writer = JSONWriter()
        writer.beginObject()
        writer.member("id", id)
        writer.member("sha256", digest)
        writer.key("scopes")
        writer.beginArray()
        for scope in scopes { writer.value(scope) }
        writer.endArray()
        if let selector { writer.member("selector", selector) }
        if let expiresAt { writer.member("expiresAt", expiresAt) }
        if let requestsPerSecond { writer.member("requestsPerSecond", requestsPerSecond) }
        writer.endObject()
        entry = String(decoding: writer.bytes, as: UTF8.self)
        _ = try Keyring(decoding: .object(["tokens": .array([Self.parsed(writer.bytes)])]))
    }

    private static func parsed(_ bytes: [UInt8]) -> JSONValue {
        guard let value = try? JSONParser.parse(bytes) else {
            preconditionFailure("The JSON writer writes JSON.")
        }
        return value
    }
}
