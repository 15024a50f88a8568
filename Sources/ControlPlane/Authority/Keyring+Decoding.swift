import Foundation
import HTTPHosting
import RelayModel

extension Keyring {
    /// Reads the tokens file; throws every fault with its pointer, and never with a secret.
    package init(decoding document: JSONValue) throws(DocumentFaults) {
        self = try document.document { reader in
            var ids: Set<String> = [Self.anonymousID]
            var digests: Set<String> = []
            let tokens = reader.objects("tokens", countMax: Self.entriesMax) { entry in
                entry.token(ids: &ids, digests: &digests)
            }
            let unixPeers = reader.objects("unixPeers", countMax: Self.entriesMax) { entry in
                entry.unixPeer(ids: &ids)
            }
            return Keyring(tokens: tokens, unixPeers: unixPeers)
        }
    }
}

extension ObjectReader {
    fileprivate mutating func token(ids: inout Set<String>, digests: inout Set<String>) -> Token? {
        let id = identifier(&ids)
        let digest = required("sha256", "the SHA-256 of the secret, as `make-token` prints it") {
            $0.parsed(
                "sha256",
                "64 hexadecimal digits: the SHA-256 of the secret",
                SHA256Digest.init(hexadecimal:)
            )
        }
        if let digest, !digests.insert(digest.hexadecimal).inserted {
            invalid("sha256", "belongs to an earlier token too; make a secret for each")
        }
        let scopes = scopes()
        let selector = selector()
        let expiresAt = moment("expiresAt")
        let perSecond = integer("requestsPerSecond", in: Rate.range)
        let isBurstAlone = has("burst") && perSecond == nil
        let burst = integer("burst", in: Rate.range)
        if isBurstAlone { invalid("burst", "needs requestsPerSecond") }
        guard let id, let digest, let scopes else { return nil }
        return Token(
            id: id,
            digest: digest,
            scopes: scopes,
            selector: selector,
            expiresAt: expiresAt,
            rate: perSecond.map { Rate(perSecond: $0, burst: burst) }
        )
    }

    fileprivate mutating func unixPeer(ids: inout Set<String>) -> UnixPeer? {
        let id = identifier(&ids)
        if !has("uid") && !has("gid") {
            add(.missingField, "uid", "give uid, gid or both; trustUnixSocket lets in everyone")
        }
        let userID = integer("uid", in: 0...Int(UInt32.max)).map { UInt32($0) }
        let groupID = integer("gid", in: 0...Int(UInt32.max)).map { UInt32($0) }
        let scopes = scopes()
        let selector = selector()
        guard let id, let scopes else { return nil }
        return UnixPeer(
            id: id,
            userID: userID,
            groupID: groupID,
            scopes: scopes,
            selector: selector
        )
    }

    private mutating func required<Value>(
        _ key: String,
        _ what: String,
        _ read: (inout ObjectReader) -> Value?
    ) -> Value? {
        guard has(key) else {
            add(.missingField, key, "is missing: \(what)")
            return nil
        }
        return read(&self)
    }

    private mutating func identifier(_ taken: inout Set<String>) -> String? {
        let id = required("id", Keyring.idRule) {
            $0.parsed("id", Keyring.idRule) { Keyring.isID($0) ? $0 : nil }
        }
        guard let id else { return nil }
        guard taken.insert(id).inserted else {
            invalid("id", "\(id) is taken; each entry has an id of its own")
            return nil
        }
        return id
    }

    private mutating func scopes() -> Set<Scope>? {
        let names = Scope.allCases.map(\.rawValue).joined(separator: ", ")
        let scopes = required("scopes", "list some of \(names)") {
            $0.list(
                "scopes",
                "one of \(names)",
                count: 1...Scope.allCases.count,
                unique: true,
                Scope.init(rawValue:)
            )
        }
        return scopes.map { Set($0) }
    }

    private mutating func selector() -> LabelSelector? {
        guard let text = string("selector") else { return nil }
        do throws(LabelSelectorError) {
            return try LabelSelector(text)
        } catch {
            invalid("selector", error.description)
            return nil
        }
    }

    private mutating func moment(_ key: String) -> Timestamp? {
        parsed(key, "a time of RFC 3339 in UTC, such as 2027-01-31T00:00:00Z") { text in
            guard text.utf8.count == 20, text.hasSuffix("Z"),
                let date = try? Date(text, strategy: .iso8601)
            else { return nil }
            // Foundation takes the 30th of February for the 2nd of March.
            guard date.formatted(.iso8601) == text else { return nil }
            let seconds = Int64(date.timeIntervalSince1970)
            let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            return Timestamp(nanoseconds: overflow ? .max : nanoseconds)
        }
    }
}

extension Keyring {
    /// The rule for ids in the words of an error message.
    package static let idRule =
        "1 to 63 of a-z, A-Z, 0-9, '.', '_' and '-', the first a letter or digit"

    /// Whether a text can be the id of an entry.
    package static func isID(_ text: String) -> Bool {
        guard (1...63).contains(text.utf8.count), let first = text.unicodeScalars.first else {
            return false
        }
        return first != "." && first != "_" && first != "-"
            && text.unicodeScalars.allSatisfy { scalar in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-": true
                default: false
                }
            }
    }
}
