import RelayModel
import Testing

@testable import ControlPlane

/// The section `handlers` of the configuration file.
@Suite struct ConfiguredHandlersTests {
    private func handlers(_ text: String) throws -> [HandlerName: Handler] {
        try JSONValue(parsing: Array(text.utf8)).handlers()
    }

    private func name(_ text: String) throws -> HandlerName { try #require(HandlerName(text)) }

    @Test func aHandlerHasDefaults() throws {
        let found = try handlers(
            #"""
            {"a": {"argv": ["/bin/hostname", "-f"]},
             "b": {"argv": ["/bin/cat"], "timeoutSeconds": 300, "concurrencyMax": 64},
             "c": {"argv": ["/bin/cat"], "output": "datagram", "environment": "socat"}}
            """#
        )
        #expect(
            found == [
                try name("a"): Handler(
                    ["/bin/hostname", "-f"],
                    timeoutSeconds: 5,
                    concurrencyMax: 4
                ),
                try name("b"): Handler(["/bin/cat"], timeoutSeconds: 300, concurrencyMax: 64),
                try name("c"): Handler(["/bin/cat"], output: .datagram, environment: .socat),
            ]
        )
        #expect(try handlers("{}").isEmpty)
    }

    @Test(
        arguments: [
            ("[]", [""]),
            (#"{"a": "/bin/cat"}"#, ["/a"]),
            (#"{"A": {"argv": ["/bin/cat"]}}"#, ["/A"]),
            (#"{"a": {}}"#, ["/a/argv"]),
            (#"{"a": {"argv": []}}"#, ["/a/argv"]),
            (#"{"a": {"argv": "/bin/cat"}}"#, ["/a/argv"]),
            (#"{"a": {"argv": ["cat"]}}"#, ["/a/argv"]),
            (#"{"a": {"argv": [""]}}"#, ["/a/argv"]),
            (#"{"a": {"argv": ["/bin/cat", "a\u0000b"]}}"#, ["/a/argv/1"]),
            (#"{"a": {"argv": ["/bin/cat"], "timeoutSeconds": 0}}"#, ["/a/timeoutSeconds"]),
            (#"{"a": {"argv": ["/bin/cat"], "timeoutSeconds": 301}}"#, ["/a/timeoutSeconds"]),
            (#"{"a": {"argv": ["/bin/cat"], "concurrencyMax": 0}}"#, ["/a/concurrencyMax"]),
            (#"{"a": {"argv": ["/bin/cat"], "concurrencyMax": 65}}"#, ["/a/concurrencyMax"]),
            (#"{"a": {"argv": ["/bin/cat"], "environment": {}}}"#, ["/a/environment"]),
            (#"{"a": {"argv": ["/bin/cat"], "output": "stream"}}"#, ["/a/output"]),
            (#"{"a": {"argv": ["/bin/cat"], "output": true}}"#, ["/a/output"]),
            (#"{"a": {"argv": ["/bin/cat"], "environment": "SOCAT"}}"#, ["/a/environment"]),
            (#"{"a": {"argv": 7}, "b": {"argv": ["x"]}}"#, ["/a/argv", "/b/argv"]),
        ] as [(String, [String])]
    )
    func everyFaultIsNamedByItsPlace(text: String, pointers: [String]) {
        let faults = #expect(throws: DocumentFaults.self) { _ = try handlers(text) }
        #expect(faults?.faults.map(\.pointer) == pointers)
    }

    @Test func argumentsHaveLimits() throws {
        func one(_ arguments: [String]) -> String {
            #"{"a": {"argv": [\#(arguments.map(quoted).joined(separator: ","))]}}"#
        }
        let many = ["/bin/cat"] + Array(repeating: "x", count: Handler.argumentsMax - 1)
        #expect(try handlers(one(many)).count == 1)
        #expect(throws: DocumentFaults.self) { try handlers(one(many + ["x"])) }
        let long = String(repeating: "x", count: Handler.argumentBytesMax)
        #expect(try handlers(one(["/bin/cat", long])).count == 1)
        #expect(throws: DocumentFaults.self) { try handlers(one(["/bin/cat", long + "x"])) }
    }

    @Test func thereAreSoManyHandlersAtMost() throws {
        func many(_ count: Int) -> String {
            let entries = (0..<count).map { #""h\#($0)": {"argv": ["/bin/cat"]}"# }
            return "{\(entries.joined(separator: ","))}"
        }
        #expect(try handlers(many(Handler.handlersMax)).count == Handler.handlersMax)
        let faults = #expect(throws: DocumentFaults.self) {
            _ = try handlers(many(Handler.handlersMax + 1))
        }
        #expect(faults?.faults.count == 1)
    }
}
