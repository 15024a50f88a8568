import ControlPlane
import Foundation
import Logging
import Testing

@testable import relaycast

/// How flags, environment, file and defaults go together.
@Suite struct ResolutionTests {
    @Test func withoutAnySourceEverythingHasItsDefault() {
        let resolution = resolve()
        #expect(resolution.problems.isEmpty)
        #expect(resolution.origins.isEmpty)
        #expect(resolution.configuration.options == ServiceOptions())
        #expect(resolution.configuration.logLevel == .info)
        #expect(resolution.configuration.logFormat == .text)
    }

    @Test func aFlagGoesBeforeTheEnvironmentAndThatBeforeTheFile() throws {
        let file = try TemporaryFile(
            #"{"sessionsMax": 1, "logLevel": "debug", "bodyBytesMax": 2000}"#
        )
        let environment = ["RELAYCAST_SESSIONS_MAX": "2", "RELAYCAST_LOG_LEVEL": "error"]
        let resolution = resolve(
            flags: ["sessionsMax": ["3"]],
            file: file.path,
            environment: environment
        )
        #expect(resolution.problems.isEmpty)
        #expect(resolution.configuration.options.limits.sessionsMax == 3)
        #expect(resolution.configuration.logLevel == .error)
        #expect(resolution.configuration.options.limits.bodyBytesMax == 2000)
        #expect(resolution.configuration.options.limits.connectionsMax == 512)
        #expect(
            resolution.origins == [
                "sessionsMax": .flag("--sessions-max"),
                "logLevel": .environment("RELAYCAST_LOG_LEVEL"),
                "bodyBytesMax": .file(path: file.path, key: "bodyBytesMax"),
            ]
        )
    }

    @Test func aListReplacesTheListOfAWeakerSource() throws {
        let file = try TemporaryFile(#"{"listen": ["127.0.0.1:1", "127.0.0.1:2"]}"#)
        let resolution = resolve(
            file: file.path,
            environment: ["RELAYCAST_LISTEN": "127.0.0.2:3, [::1]:4"]
        )
        let expected: [ListenAddress] = [
            .tcp(address: "127.0.0.2", port: 3), .tcp(address: "::1", port: 4),
        ]
        #expect(resolution.configuration.options.listen == expected)
    }

    @Test func everySettingCanBeSetByEverySource() throws {
        for (key, text) in Self.examples {
            let setting = try #require(Setting.all.first { $0.key == key })
            let inFile =
                switch setting.form {
                case .text: "\"\(text)\""
                case .integer, .boolean: text
                case .list: "[\"\(text)\"]"
                }
            let file = try TemporaryFile("{\"\(key)\": \(inFile)}")
            for resolution in [
                resolve(flags: [key: [text]]),
                resolve(environment: [setting.environmentVariable: text]),
                resolve(file: file.path),
            ] {
                #expect(setting.describe(resolution.configuration) == text)
                #expect(resolution.origins.keys.elementsEqual([key]))
                // A file that is not there, or a setting that needs another, is no wrong value.
                if !setting.needsMore { #expect(resolution.problems.isEmpty) }
            }
        }
        #expect(Set(Self.examples.keys) == Set(Setting.all.map(\.key)))
    }

    /// A value other than the default for each setting.
    private static let examples = [
        "listen": "127.0.0.9:81", "unixSocket": "/run/r.socket", "dataDirectory": "/var/lib/r",
        "allowedHosts": "relay.example", "logLevel": "trace", "logFormat": "json",
        "sessionsMax": "7", "connectionsMax": "8", "connectionsPerAddressMax": "9",
        "bodyBytesMax": "1024", "requestDeadlineSeconds": "1", "responseDeadlineSeconds": "2",
        "inactivityTimeoutSeconds": "3", "requestsPerSecondMax": "4", "eventStreamsMax": "5",
        "metricsSessionsMax": "6",
        "tokensFile": "/etc/r/tokens.json", "trustLoopback": "true", "trustUnixSocket": "true",
        "tlsCertificate": "/etc/r/cert.pem", "tlsKey": "/etc/r/key.pem",
        "tlsClientCA": "/etc/r/ca.pem", "behindProxy": "true",
        "allowedOrigins": "https://relay.example:8443", "relays": "192.168.10.3",
    ]

    @Test func theFileMayBeNamedByTheEnvironmentButTheFlagGoesBefore() throws {
        let one = try TemporaryFile(#"{"sessionsMax": 1}"#)
        let two = try TemporaryFile(#"{"sessionsMax": 2}"#)
        let environment = ["RELAYCAST_CONFIG": one.path]
        #expect(
            resolve(environment: environment).configuration.options.limits.sessionsMax == 1
        )
        #expect(
            resolve(file: two.path, environment: environment)
                .configuration.options.limits.sessionsMax == 2
        )
    }

    @Test func anEmptyEnvironmentVariableIsAsGoodAsNone() {
        let resolution = resolve(
            environment: [
                "RELAYCAST_LISTEN": "", "RELAYCAST_SESSIONS_MAX": "", "RELAYCAST_CONFIG": "",
            ]
        )
        #expect(resolution.problems.isEmpty)
        #expect(resolution.configuration.options == ServiceOptions())
    }

    @Test func aVariableThatMeansNothingIsWarnedAbout() {
        let resolution = resolve(environment: ["RELAYCAST_SESSION_MAX": "5", "PATH": "/bin"])
        #expect(resolution.problems.isEmpty)
        #expect(resolution.warnings.count == 1)
        #expect(resolution.warnings.first?.contains("RELAYCAST_SESSION_MAX") == true)
    }

    @Test func servingOnNothingIsAProblem() {
        #expect(resolve(flags: ["listen": ["none"]]).problems.count == 1)
        let withSocket = resolve(flags: ["listen": ["none"], "unixSocket": ["/run/r"]])
        #expect(withSocket.problems.isEmpty)
        #expect(withSocket.configuration.options.listen.isEmpty)
    }
}

extension Setting {
    /// Whether it names a file, or is nothing without another setting.
    fileprivate var needsMore: Bool { valueName == "FILE" || key == "behindProxy" }
}

/// Resolves what a test gives, and nothing of the process it runs in.
func resolve(
    flags: [String: [String]] = [:],
    file: String? = nil,
    environment: [String: String] = [:]
) -> Resolution {
    Resolution(flags: flags, file: file, environment: environment)
}

/// A file that is deleted with the value.
final class TemporaryFile {
    let path = NSTemporaryDirectory() + "relaycast-" + UUID().uuidString + ".json"

    init(_ text: String, permissions: Int = 0o600) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes(
            [.posixPermissions: permissions],
            ofItemAtPath: path
        )
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
