import ControlPlane
import Foundation
import Testing

@testable import relaycast

/// Beyond loopback the daemon serves only who is known, over what cannot be overheard.
@Suite struct ExposureTests {
    private let tokens: TemporaryFile
    private let certificate: TestCertificate

    init() throws {
        tokens = try TemporaryFile(#"{"tokens": []}"#)
        certificate = try TestCertificate()
    }

    private func problems(_ more: [String: [String]], listen: String = "192.0.2.1:8080") -> [String]
    {
        resolve(flags: more.merging(["listen": [listen]]) { left, _ in left })
            .problems.map { "\($0.origin): \($0.sentence)" }
    }

    @Test func anExposedAddressNeedsTokensAndTLS() throws {
        let bare = try #require(problems([:]).first)
        #expect(bare.contains("set tokensFile, and tlsCertificate and tlsKey (or behindProxy"))
        let known = try #require(problems(["tokensFile": [tokens.path]]).first)
        #expect(known.contains("set tlsCertificate and tlsKey (or behindProxy"))
        let tls = certificate.settings
        let encrypted = try #require(problems(tls).first)
        #expect(encrypted.contains("set tokensFile, or listen"))
        #expect(problems(tls.merging(["tokensFile": [tokens.path]]) { $1 }) == [])
    }

    @Test(arguments: ["0.0.0.0:8080", "[::]:8080", "[2001:db8::1]:8080", "[::ffff:127.0.0.1]:8080"])
    func everyAddressButLoopbackIsExposed(address: String) {
        #expect(problems([:], listen: address).count == 1)
    }

    @Test func aProxyStandsInForTLSButNotForTokens() {
        #expect(problems(["tokensFile": [tokens.path], "behindProxy": ["true"]]) == [])
        let without = problems(["behindProxy": ["true"]], listen: "127.0.0.1:8080")
        #expect(without.count == 1)
        #expect(without.first?.hasPrefix(#"flag --behind-proxy: "true" needs tokensFile"#) == true)
    }

    @Test(arguments: ["trustLoopback", "trustUnixSocket"])
    func behindAProxyNobodyIsTrustedForTheAddress(key: String) {
        let flags = ["tokensFile": [tokens.path], "behindProxy": ["true"], key: ["true"]]
        #expect(problems(flags).count == 1)
    }

    @Test func halfOfWhatTLSNeedsIsRefused() {
        let certificateOnly = problems(
            ["tlsCertificate": [certificate.certificate]],
            listen: "127.0.0.1:1"
        )
        #expect(certificateOnly.map { $0.hasSuffix("needs tlsKey as well") } == [true])
        let keyOnly = problems(["tlsKey": [certificate.key]], listen: "127.0.0.1:1")
        #expect(keyOnly.map { $0.hasSuffix("needs tlsCertificate as well") } == [true])
        let clientsOnly = problems(
            ["tlsClientCA": [certificate.certificate]],
            listen: "127.0.0.1:1"
        )
        #expect(clientsOnly.map { $0.hasSuffix("needs tlsCertificate as well") } == [true])
    }

    @Test func aKeyThatEverybodyCanReadIsRefused() throws {
        let open = try TemporaryFile("-----BEGIN PRIVATE KEY-----", permissions: 0o644)
        let flags = ["tlsCertificate": [certificate.certificate], "tlsKey": [open.path]]
        let problem = try #require(problems(flags, listen: "127.0.0.1:1").first)
        #expect(problem.contains("can be read by everybody"))
    }

    @Test func whatIsNotPEMIsRefused() throws {
        let flags = ["tlsCertificate": [tokens.path], "tlsKey": [certificate.key]]
        let problem = try #require(problems(flags, listen: "127.0.0.1:1").first)
        #expect(problem.contains("is not in PEM"))
    }

    @Test func aCertificateThatCannotBeServedIsRefusedAtOnce() throws {
        let other = try TestCertificate()
        let flags = ["tlsCertificate": [certificate.certificate], "tlsKey": [other.key]]
        let problem = try #require(problems(flags, listen: "127.0.0.1:1").first)
        #expect(problem.hasPrefix("flag --tls-certificate: "))
        #expect(problem.contains("The private key is not that of the first certificate"))
    }

    @Test func theCertificatesAreHandedOver() throws {
        let flags = certificate.settings.merging(["tlsClientCA": [certificate.certificate]]) { $1 }
        let tls = try #require(resolve(flags: flags).configuration.options.tls)
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: certificate.certificate)))
        #expect(tls.certificateChain == bytes)
        #expect(tls.clientAuthorities == bytes)
        #expect(String(decoding: tls.privateKey, as: UTF8.self).contains("PRIVATE KEY"))
    }
}

/// The tokens file, as far as the command line looks at it.
@Suite struct TokensFileTests {
    private func problems(_ text: String, permissions: Int = 0o600) throws -> [String] {
        let file = try TemporaryFile(text, permissions: permissions)
        return resolve(flags: ["tokensFile": [file.path]]).problems.map {
            "\($0.origin): \($0.sentence)".replacing(file.path, with: "FILE")
        }
    }

    @Test func aFileThatOthersCanWriteIsRefused() throws {
        for permissions in [0o620, 0o602] {
            let found = try problems(#"{"tokens": []}"#, permissions: permissions)
            #expect(found.map { $0.contains("can be written by others") } == [true])
        }
    }

    @Test func aFileThatEverybodyCanReadIsWarnedAbout() throws {
        let open = try TemporaryFile(#"{"tokens": []}"#, permissions: 0o644)
        let resolution = resolve(flags: ["tokensFile": [open.path]])
        #expect(resolution.problems.isEmpty)
        #expect(resolution.warnings.map { $0.contains("chmod o-r") } == [true])
        let shut = try TemporaryFile(#"{"tokens": []}"#, permissions: 0o640)
        #expect(resolve(flags: ["tokensFile": [shut.path]]).warnings.isEmpty)
    }

    @Test func faultsComeWithTheFileAndAPointer() throws {
        #expect(
            try problems(#"{"tokens": [{"id": "a", "scopes": ["all"], "sha256": "1"}]}"#) == [
                "file FILE: /tokens/0/sha256: must be 64 hexadecimal digits: the SHA-256 of the "
                    + "secret",
                "file FILE: /tokens/0/scopes/0: must be one of sessions:read, sessions:write, "
                    + "packets:read, metrics:read, admin",
            ]
        )
        #expect(try problems("{").first?.hasPrefix("file FILE: is not JSON: ") == true)
        #expect(try problems("[]") == ["file FILE: must be an object, not an array"])
    }

    @Test func aMissingFileIsBlamedOnItsSetting() {
        let problems = resolve(flags: ["tokensFile": ["/nonexistent/tokens"]]).problems
        #expect(problems.map(\.origin) == [.flag("--tokens-file")])
        #expect(
            problems.first?.sentence
                == #""/nonexistent/tokens" cannot be read: No such file or directory"#
        )
    }

    @Test func theKeyringIsHandedOver() throws {
        let digest = String(repeating: "0a", count: 32)
        let file = try TemporaryFile(
            #"{"tokens": [{"id": "ci", "scopes": ["admin"], "sha256": "\#(digest)"}]}"#
        )
        let authority = resolve(flags: ["tokensFile": [file.path], "trustLoopback": ["true"]])
            .configuration.options.authority
        #expect(authority.keyring?.tokens.map(\.id) == ["ci"])
        #expect(authority.trustsLoopback)
        #expect(!authority.trustsUnixSocket)
    }
}

/// The `sessions` of the file.
@Suite struct ConfiguredSessionsTests {
    private func problems(_ sessions: String, _ more: String = "") throws -> [String] {
        let file = try TemporaryFile("{\"sessions\": \(sessions)\(more)}")
        return resolve(file: file.path).problems.map {
            "\($0.origin): \($0.sentence)".replacing(file.path, with: "FILE")
        }
    }

    private static let receiver =
        #""kind": "multicast-receiver", "group": "239.1.1.1", "port": 5004"#

    @Test func definitionsAreHandedOverAsTheyAre() throws {
        let file = try TemporaryFile(
            #"{"sessions": [{"name": "a", \#(Self.receiver)}, {"name": "b", \#(Self.receiver)}]}"#
        )
        let resolution = resolve(file: file.path)
        #expect(resolution.problems.isEmpty)
        #expect(resolution.configuration.options.configuredSessions.count == 2)
    }

    @Test func aBadDefinitionIsReportedWithFileKeyAndPointer() throws {
        #expect(
            try problems(#"[{"name": "a", \#(Self.receiver)}, {"name": "b", "kind": "x"}]"#) == [
                "file FILE, key sessions: /1/kind: must be multicast-sender, multicast-receiver, "
                    + "multicast-peer, broadcast"
            ]
        )
        #expect(try problems("[5]").map { $0.contains("/0: the body must be") } == [true])
        #expect(try problems("{}").map { $0.contains("must be an array") } == [true])
    }

    @Test func namesAreRequiredAndUnique() throws {
        #expect(
            try problems("[{\(Self.receiver)}]") == [
                "file FILE, key sessions: /0/name: is missing: name the session"
            ]
        )
        #expect(
            try problems(#"[{"name": "a", \#(Self.receiver)}, {"name": "a", \#(Self.receiver)}]"#)
                == ["file FILE, key sessions: /1/name: a is the name of an earlier session too"]
        )
    }

    @Test func thereCanBeNoMoreThanTheLimit() throws {
        let two = #"[{"name": "a", \#(Self.receiver)}, {"name": "b", \#(Self.receiver)}]"#
        #expect(try problems(two, #", "sessionsMax": 2"#) == [])
        #expect(try problems(two, #", "sessionsMax": 1"#).count == 1)
    }
}

/// A configuration that is read again while the daemon runs.
@Suite struct ReloadTests {
    private let tokens: TemporaryFile

    init() throws {
        tokens = try TemporaryFile(#"{"tokens": []}"#)
    }

    private func adapted(
        _ new: [String: [String]],
        to running: [String: [String]]
    ) -> (Resolution, [String]) {
        let running = resolve(flags: running)
        #expect(running.problems.isEmpty)
        var resolution = resolve(flags: new)
        let waiting = resolution.adapt(to: running.configuration)
        return (resolution, waiting)
    }

    @Test func tokensAndTrustAreTakenOver() {
        let (resolution, waiting) = adapted(
            ["tokensFile": [tokens.path], "trustLoopback": ["true"]],
            to: [:]
        )
        #expect(resolution.problems.isEmpty && waiting.isEmpty)
        #expect(resolution.configuration.options.authority.keyring != nil)
        #expect(resolution.configuration.options.authority.trustsLoopback)
    }

    @Test func whatTakesARestartIsNamedAndStaysAsItIs() {
        let (resolution, waiting) = adapted(
            [
                "sessionsMax": ["5"], "listen": ["127.0.0.1:81"], "logLevel": ["error"],
                "tokensFile": [tokens.path], "behindProxy": ["true"],
            ],
            to: ["sessionsMax": ["6"]]
        )
        #expect(Set(waiting) == ["sessionsMax", "listen", "logLevel", "behindProxy"])
        #expect(resolution.problems.isEmpty)
        #expect(resolution.configuration.options.limits.sessionsMax == 6)
        #expect(resolution.configuration.options.listen == ServiceOptions().listen)
        #expect(resolution.configuration.logLevel == .info)
        #expect(!resolution.configuration.isBehindProxy)
    }

    @Test func tokensCannotBeTakenFromADaemonThatServesOthers() {
        let behindProxy = ["tokensFile": [tokens.path], "behindProxy": ["true"]]
        #expect(adapted([:], to: behindProxy).0.problems.count == 1)
        let trusting = ["tokensFile": [tokens.path], "trustLoopback": ["true"]]
        #expect(adapted(trusting, to: behindProxy).0.problems.count == 1)
        let exposed = behindProxy.merging(["listen": ["192.0.2.1:8080"]]) { $1 }
        #expect(!adapted([:], to: exposed).0.problems.isEmpty)
        #expect(adapted([:], to: ["tokensFile": [tokens.path]]).0.problems.isEmpty)
    }

    @Test func switchingTLSOnOrOffTakesARestart() throws {
        let (first, second) = (try TestCertificate(), try TestCertificate())
        let tls = first.settings
        let (on, onWaits) = adapted(tls, to: [:])
        #expect(onWaits == ["tlsCertificate"] && on.configuration.options.tls == nil)
        let (off, offWaits) = adapted([:], to: tls)
        #expect(offWaits == ["tlsCertificate"] && off.configuration.options.tls != nil)
        let (renewed, waits) = adapted(second.settings, to: tls)
        #expect(waits.isEmpty && renewed.problems.isEmpty)
        #expect(renewed.configuration.options.tls != resolve(flags: tls).configuration.options.tls)
    }
}
