import ControlPlane
import Testing

@testable import relaycast

/// What is refused, and whether the sentence says where it is and what is allowed.
@Suite struct RefusalTests {
    @Test(arguments: [
        ("listen", "127.0.0.1", "is not ADDRESS:PORT"),
        ("listen", "localhost:8080", "is not ADDRESS:PORT with an IP address"),
        ("listen", "0.0.0.0:8080", "not on the loopback interface"),
        ("listen", "[::]:8080", "not on the loopback interface"),
        ("listen", "192.168.10.1:8080", "not on the loopback interface"),
        ("listen", "127.0.0.1.example:8080", "is not ADDRESS:PORT with an IP address"),
        ("listen", "127.0.0.256:8080", "is not ADDRESS:PORT with an IP address"),
        ("listen", "127.0.0.1:65536", "is not ADDRESS:PORT"),
        ("listen", "::1:8080", "is not ADDRESS:PORT"),
        ("unixSocket", String(repeating: "x", count: 108), "1 to 107 bytes"),
        ("dataDirectory", "", "is not a path"),
        ("allowedHosts", "a..b", "is not a host name"),
        ("allowedHosts", "relay:80", "is not a host name"),
        ("allowedHosts", "-a", "is not a host name"),
        ("allowedOrigins", "*", "is not an origin such as"),
        ("allowedOrigins", "null", "is not an origin such as"),
        ("allowedOrigins", "https://a.example/", "is not an origin such as"),
        ("allowedOrigins", "https://*.example", "is not an origin such as"),
        ("allowedOrigins", "https://a.example:0", "is not an origin such as"),
        ("allowedOrigins", "ftp://a.example", "is not an origin such as"),
        ("relays", "239.1.1.1", "is not the IP address of a host"),
        ("relays", "relay.example", "is not the IP address of a host"),
        ("relays", "192.168.10.0/24", "is not the IP address of a host"),
        ("relays", "::ffff:192.168.10.3", "is an IPv4-mapped address; write 192.168.10.3"),
        ("trustLoopback", "yes", "is not true or false"),
        ("trustUnixSocket", "", "is not true or false"),
        ("behindProxy", "1", "is not true or false"),
        ("logLevel", "loud", "trace, debug, info, notice, warning, error or critical"),
        ("logLevel", "INFO", "is not trace"),
        ("logFormat", "xml", "text or json"),
        ("sessionsMax", "0", "an integer from 1 to 100000"),
        ("sessionsMax", "100001", "an integer from 1 to 100000"),
        ("sessionsMax", "-1", "an integer"),
        ("sessionsMax", "1.5", "an integer"),
        ("sessionsMax", "", "an integer"),
        ("bodyBytesMax", "1023", "from 1024 to 16777216"),
    ])
    func aWrongValueIsRefusedWithItsFlagItselfAndWhatIsAllowed(
        key: String,
        value: String,
        reason: String
    ) throws {
        let setting = try #require(Setting.all.first { $0.key == key })
        let problems = resolve(flags: [key: [value]]).problems
        #expect(problems.count == 1)
        let problem = try #require(problems.first)
        #expect(problem.origin == .flag(setting.flag))
        #expect(problem.sentence.contains("\"\(value)\""))
        #expect(problem.sentence.contains(reason), "\(problem.sentence)")
    }

    @Test func theBordersOfEveryLimitAreAllowedAndWhatIsBeyondIsNot() {
        for limit in ServiceLimits.all {
            for value in [limit.range.lowerBound, limit.range.upperBound] {
                #expect(resolve(flags: [limit.name: ["\(value)"]]).problems.isEmpty)
            }
            for value in [limit.range.lowerBound - 1, limit.range.upperBound + 1] {
                #expect(resolve(flags: [limit.name: ["\(value)"]]).problems.count == 1)
            }
            #expect(limit.range.contains(ServiceLimits()[keyPath: limit.keyPath]))
        }
    }

    @Test func theSameAddressTwiceIsRefusedButNotPortZero() {
        #expect(
            resolve(flags: ["listen": ["127.0.0.1:1", "127.0.0.1:1"]]).problems.count == 1
        )
        #expect(
            resolve(flags: ["listen": ["127.0.0.1:0", "127.0.0.1:0"]]).problems.isEmpty
        )
    }

    @Test func aMalformedVariableIsRefusedAlsoUnderAFlag() {
        let resolution = resolve(
            flags: ["sessionsMax": ["5"]],
            environment: ["RELAYCAST_SESSIONS_MAX": "many"]
        )
        #expect(resolution.problems.map(\.origin) == [.environment("RELAYCAST_SESSIONS_MAX")])
    }

    @Test(arguments: [
        (#"{"sessionsMax": "5"}"#, "sessionsMax", "\"5\" is not a number without a fraction"),
        (#"{"sessionsMax": 5.5}"#, "sessionsMax", "5.5 is not a number without a fraction"),
        (#"{"sessionsMax": true}"#, "sessionsMax", "true is not a number without a fraction"),
        (#"{"sessionsMax": 0}"#, "sessionsMax", "is not an integer from 1 to 100000"),
        (#"{"logLevel": 3}"#, "logLevel", "3 is not a string"),
        (#"{"logLevel": null}"#, "logLevel", "null is not a string"),
        (#"{"listen": "127.0.0.1:1"}"#, "listen", "is not an array of strings"),
        (#"{"listen": ["127.0.0.1:1", 2]}"#, "listen", "is not an array of strings"),
        (#"{"sessionMax": 5}"#, "sessionMax", "is unknown; known are listen, unixSocket,"),
        (#"{"config": "x"}"#, "config", "is unknown"),
    ])
    func aWrongEntryOfTheFileIsRefusedWithItsKey(
        text: String,
        key: String,
        reason: String
    ) throws {
        let file = try TemporaryFile(text)
        let problems = resolve(file: file.path).problems
        #expect(problems.map(\.origin) == [.file(path: file.path, key: key)])
        #expect(problems.first?.sentence.contains(reason) == true, "\(problems)")
    }

    @Test(arguments: [
        ("", "is not JSON"), ("{", "is not JSON"),
        (#"{"sessionsMax" 5}"#, "a colon was expected, in line 1, column 16"),
        ("[]", "is not a JSON object"), ("5", "is not a JSON object"),
        (#"{"sessionsMax": 1e400}"#, "is not JSON: a number is too large"),
        ("{\"sessionsMax\": 5,\n \"sessionsMax\": 6}", "sessionsMax is repeated, in line 2"),
    ])
    func aFileThatIsNoObjectIsRefused(text: String, reason: String) throws {
        let file = try TemporaryFile(text)
        let problems = resolve(file: file.path).problems
        #expect(problems.map(\.origin) == [.file(path: file.path, key: nil)])
        #expect(problems.first?.sentence.contains(reason) == true, "\(problems)")
    }

    @Test func aFileThatCannotBeReadIsRefused() {
        let missing = resolve(file: "/nonexistent/relaycast.json").problems
        #expect(missing.first?.sentence == "cannot be read: No such file or directory")
        for other in ["/dev/zero", "/"] {
            let problems = resolve(file: other).problems
            #expect(problems.first?.sentence == "is no regular file")
        }
    }

    @Test func everyProblemIsReportedAtOnce() throws {
        let file = try TemporaryFile(#"{"x": 1, "logFormat": "xml"}"#)
        let resolution = resolve(
            flags: ["sessionsMax": ["x"]],
            file: file.path,
            environment: ["RELAYCAST_LOG_LEVEL": "x"]
        )
        #expect(resolution.problems.count == 4)
    }
}
