import HTTPHosting
import RelayModel
import Testing

@testable import ControlPlane

/// The tokens file: what it says, and what is refused.
@Suite struct AuthorityKeyringTests {
    /// The secrets `alpha` and `beta` as printf %s alpha | sha256sum prints them.
    static let alpha = "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"
    static let beta = "f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753"

    static func keyring(_ json: String) throws -> Keyring {
        try Keyring(decoding: JSONParser.parse(Array(json.utf8)))
    }

    private func faults(_ json: String) throws -> [String] {
        do {
            _ = try Self.keyring(json)
            return []
        } catch let faults as DocumentFaults {
            return faults.faults.map { "\($0.pointer) \($0.detail)" }
        }
    }

    private func token(_ members: String = "", id: String = "a", digest: String = alpha) -> String {
        #"{"id": "\#(id)", "sha256": "\#(digest)", "scopes": ["admin"]\#(members)}"#
    }

    @Test func everythingThatAFileCanSayIsRead() throws {
        let keyring = try Self.keyring(
            """
            {"tokens": [
              {"id": "ci", "sha256": "\(Self.alpha)", "scopes": ["sessions:read", "metrics:read"],
               "selector": "env=prod", "expiresAt": "2027-01-31T12:30:00Z",
               "requestsPerSecond": 5, "burst": 7},
              {"id": "root", "sha256": "\(Self.beta.uppercased())", "scopes": ["admin"]}],
             "unixPeers": [{"id": "ops", "uid": 1000, "gid": 4294967295,
                            "scopes": ["sessions:write"], "selector": "team"}]}
            """
        )
        let ci = try #require(keyring.tokens.first)
        #expect(ci.scopes == [.readSessions, .readMetrics])
        #expect(ci.selector?.description == "env=prod")
        #expect(ci.expiresAt?.rfc3339 == "2027-01-31T12:30:00.000000000Z")
        #expect(ci.rate == Rate(perSecond: 5, burst: 7))
        #expect(keyring.token(bearing: "alpha")?.id == "ci")
        #expect(keyring.token(bearing: "beta")?.id == "root")
        #expect(keyring.token(bearing: "gamma") == nil)
        let ops = try #require(keyring.unixPeers.first)
        #expect((ops.userID, ops.groupID) == (1000, .max))
        #expect(ops.caller.mayReach(["team": "a"]) && !ops.caller.mayReach([:]))
        #expect(try Self.keyring("{}") == Keyring(tokens: [], unixPeers: []))
    }

    @Test(arguments: [
        ("{\"token\": []}", "/token is not a field here"),
        ("{\"tokens\": 5}", "/tokens must be an array, not a number"),
        ("{\"tokens\": [5]}", "/tokens/0 must be an object, not a number"),
        (
            "{\"unixPeers\": [{\"id\": \"a\", \"scopes\": [\"admin\"]}]}",
            "/unixPeers/0/uid give uid"
        ),
        (
            "{\"unixPeers\": [{\"id\": \"a\", \"uid\": -1, \"scopes\": [\"admin\"]}]}",
            "/unixPeers/0/uid must"
        ),
    ])
    func aWrongShapeIsRefused(json: String, fault: String) throws {
        let found = try faults(json)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix(fault) == true, "\(found)")
    }

    @Test(arguments: [
        (#", "secret": "alpha""#, "/tokens/0/secret is not a field here"),
        (#", "selector": "a=""#, ""),
        (#", "selector": "=""#, "/tokens/0/selector has"),
        (#", "expiresAt": "2027-02-30T00:00:00Z""#, "/tokens/0/expiresAt must be a time"),
        (#", "expiresAt": "2027-01-01""#, "/tokens/0/expiresAt must be a time"),
        (#", "expiresAt": "9999-12-31T23:59:59Z""#, ""),
        (#", "requestsPerSecond": 0"#, "/tokens/0/requestsPerSecond must be an integer from 1"),
        (#", "burst": 5"#, "/tokens/0/burst needs requestsPerSecond"),
    ])
    func aMemberIsHeldAgainstItsRule(member: String, fault: String) throws {
        let found = try faults("{\"tokens\": [\(token(member))]}")
        #expect(found.count == (fault.isEmpty ? 0 : 1), "\(found)")
        #expect(found.first?.hasPrefix(fault) ?? true, "\(found)")
    }

    @Test func whatIsMissingIsNamed() throws {
        #expect(
            try faults(#"{"tokens": [{}]}"#).map { $0.prefix { $0 != " " } } == [
                "/tokens/0/id", "/tokens/0/sha256", "/tokens/0/scopes",
            ]
        )
    }

    @Test(arguments: [
        "", ".a", "-a", "a b", "a\"", "ä", String(repeating: "a", count: 64), "anonymous",
    ])
    func idsHaveAnAlphabet(id: String) throws {
        let quoted = id.replacing("\"", with: "\\\"")
        #expect(try faults("{\"tokens\": [\(token(id: quoted))]}").count == 1)
    }

    @Test func idsAndSecretsAreUnique() throws {
        let same = token() + "," + token(digest: Self.beta)
        #expect(
            try faults("{\"tokens\": [\(same)]}").map { $0.hasPrefix("/tokens/1/id") } == [true]
        )
        let shared = token() + "," + token(id: "b")
        #expect(
            try faults("{\"tokens\": [\(shared)]}").map { $0.hasPrefix("/tokens/1/sha256") }
                == [true]
        )
        let peer = #"{"id": "a", "uid": 0, "scopes": ["admin"]}"#
        #expect(
            try faults("{\"tokens\": [\(token())], \"unixPeers\": [\(peer)]}")
                .map { $0.hasPrefix("/unixPeers/0/id") } == [true]
        )
    }

    @Test func aThousandTokensAreTakenAndNoMore() throws {
        let tokens = (0...Keyring.entriesMax).map { index in
            token(id: "t\(index)", digest: SHA256Digest(of: Array("\(index)".utf8)).hexadecimal)
        }
        let most = tokens.dropLast().joined(separator: ",")
        #expect(try faults("{\"tokens\": [\(most)]}") == [])
        #expect(try faults("{\"tokens\": [\(tokens.joined(separator: ","))]}").count == 1)
    }

    @Test func everyDigestIsComparedWhereverTheRightOneStands() throws {
        let keyring = try Self.keyring(
            "{\"tokens\": [\(token()), \(token(id: "b", digest: Self.beta))]}"
        )
        for secret in ["alpha", "beta", "gamma"] {
            var comparisons = 0
            let found = keyring.token(bearing: secret) { left, right in
                comparisons += 1
                return left == right
            }
            #expect(comparisons == 2)
            #expect(found == keyring.token(bearing: secret))
        }
    }

    @Test func aNewTokenIsAnEntryForItsSecret() throws {
        let new = try NewToken(
            id: "ci",
            scopes: ["sessions:read"],
            selector: "env=prod",
            expiresAt: "2027-01-31T12:30:00Z",
            requestsPerSecond: 3
        )
        #expect(new.secret.utf8.count == 64)
        #expect(!new.entry.contains(new.secret))
        let token = try #require(
            try Self.keyring("{\"tokens\": [\(new.entry)]}").token(bearing: new.secret)
        )
        #expect(token.id == "ci" && token.scopes == [.readSessions])
        #expect(token.rate == Rate(perSecond: 3) && token.expiresAt != nil)
        #expect(try NewToken(id: "ci", scopes: ["admin"]).secret != new.secret)
        #expect(throws: DocumentFaults.self) { try NewToken(id: "c i", scopes: ["admin"]) }
        #expect(throws: DocumentFaults.self) { try NewToken(id: "ci", scopes: []) }
    }
}

/// The digest behind the tokens.
@Suite struct AuthorityDigestTests {
    /// FIPS 180-4 examples, and one longer than a block.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func itIsSHA256(text: String, digest: String) {
        #expect(SHA256Digest(of: Array(text.utf8)).hexadecimal == digest)
        #expect(SHA256Digest(hexadecimal: digest) == SHA256Digest(of: Array(text.utf8)))
    }

    @Test func everyBitCounts() throws {
        let digits = Array(AuthorityKeyringTests.alpha)
        let right = try #require(SHA256Digest(hexadecimal: String(digits)))
        for position in digits.indices {
            for bit in 0..<4 {
                var other = digits
                let value = try #require(digits[position].hexDigitValue) ^ (1 << bit)
                other[position] = Character(String(value, radix: 16))
                #expect(try #require(SHA256Digest(hexadecimal: String(other))) != right)
            }
        }
    }

    @Test(arguments: [
        "", "g", String(repeating: "a", count: 63), String(repeating: "a", count: 65),
    ])
    func onlySixtyFourDigitsAreADigest(text: String) {
        #expect(SHA256Digest(hexadecimal: text) == nil)
        #expect(SHA256Digest(hexadecimal: String(repeating: "g", count: 64)) == nil)
    }
}
