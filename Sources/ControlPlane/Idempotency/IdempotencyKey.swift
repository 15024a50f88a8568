import HTTPHosting

/// What a client calls a request that it may repeat (draft-ietf-httpapi-idempotency-key-header).
struct IdempotencyKey: Sendable {
    /// Most bytes of a key.
    static let bytesMax = 255

    /// Whose key, and which.
    let key: String
    /// The digest of the body, which tells whether it is the same request.
    let fingerprint: String

    /// nil without the field. The key is taken quoted or bare.
    init?(_ request: Request) throws(Problem) {
        guard var text = request.fields[.idempotencyKey] else { return nil }
        if text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") {
            text = String(text.dropFirst().dropLast())
        }
        guard (1...Self.bytesMax).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") })
        else {
            throw .invalidHeader(
                "Idempotency-Key must be 1 to \(Self.bytesMax) visible ASCII characters, with or "
                    + "without quotes around them"
            )
        }
        key = (request.principal?.id ?? "") + " " + text
        fingerprint = SHA256Digest(of: request.body).hexadecimal
    }
}
