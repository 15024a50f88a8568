import Testing

@testable import ControlPlane

/// Reading JSON, above all what is not JSON.
@Suite struct JSONValueTests {
    private func parse(_ text: String) throws -> JSONValue {
        try JSONValue(parsing: Array(text.utf8))
    }

    @Test func everyTypeIsRead() throws {
        let text = #" {"n":null,"t":true,"f":false,"i":-12,"d":1e2,"s":"é\u00e9\n","a":[[],{}]} "#
        #expect(
            try parse(text)
                == .object([
                    "n": .null, "t": .boolean(true), "f": .boolean(false), "i": .number(-12),
                    "d": .number(100), "s": .string("éé\n"),
                    "a": .array([.array([]), .object([:])]),
                ])
        )
    }

    @Test(arguments: [("0", 0), ("1", 1), ("1.0", 1), ("-0", 0)] as [(String, Double)])
    func aNumberIsNoBoolean(text: String, number: Double) throws {
        #expect(try parse(text) == .number(number))
        #expect(try parse("[\(text)]") == .array([.number(number)]))
    }

    @Test(arguments: [
        "", " ", "{", "}", "[", "]", "[1,]", #"{"a":1,}"#, #"{"a"}"#, #"{"a":}"#, "{a:1}",
        "{'a':1}", "nul", "tru",
        "True", "NaN", "Infinity", "-", "01", "1.", ".5", "+1", "1e", "0x10", #"""#, #""\x""#,
        #""\u12""#,
        #""\ud800""#, #"["\ud800x"]"#, #"{"\ud800":1}"#, "\"\n\"", "\"\0\"", "1 2", "{}{}", "{} x",
        "// a\n1",
        #"{"a":1 "b":2}"#, "1e999",
    ])
    func whatIsNotJSONIsRefused(text: String) {
        let problem = #expect(throws: Problem.self) { try parse(text) }
        #expect(problem?.code == "invalid-json")
        #expect(problem?.status == .badRequest)
        #expect(problem?.detail.isEmpty == false)
    }

    @Test(arguments: [
        #""a,]""#, #"["\",}"]"#, #"["\\",1]"#, #"{",]":",}"}"#, "[ 1 , 2 ]", "[\t]\r\n",
    ])
    func aCommaIsJudgedOutsideStringsOnly(text: String) throws {
        _ = try parse(text)
    }

    @Test(arguments: ["[1,]", "[1 ,\n]", #"{"a":[1,],"b":1}"#, #"{"a":1, }"#, #"["\\",]"#])
    func aCommaWithNothingAfterItIsRefused(text: String) {
        #expect(throws: Problem.self) { try parse(text) }
    }

    @Test(arguments: [false, true]) func onlyUTF8IsRead(isBigEndian: Bool) {
        for marked in [true, false] {
            let units = (marked ? [0xFEFF] : []) + Array(#"{"kind":"broadcast"}"#.utf16)
            let bytes = units.flatMap { unit in
                let (high, low) = (UInt8(unit >> 8), UInt8(unit & 0xFF))
                return isBigEndian ? [high, low] : [low, high]
            }
            #expect(throws: Problem.self) { try JSONValue(parsing: bytes) }
        }
    }

    @Test func everyTruncationOfADocumentIsRefused() throws {
        let whole = Array(#"{"a":[1,{"b":"é\u00e9"},true,null],"c":-1.5e3}"#.utf8)
        _ = try JSONValue(parsing: whole)
        for length in 0..<whole.count {
            #expect(throws: Problem.self, "\(length)") {
                try JSONValue(parsing: Array(whole[..<length]))
            }
        }
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xC0, 0x80, 0x22],
            [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], [0x7B, 0x22, 0x80, 0x22, 0x3A, 0x31, 0x7D],
            [0xFF], [0x00],
            [0xFE, 0xFF], [0x5B, 0x22, 0xE2, 0x82, 0x22, 0x5D],
        ] as [[UInt8]]
    )
    func bytesThatAreNotUTF8AreRefused(bytes: [UInt8]) {
        let problem = #expect(throws: Problem.self) { try JSONValue(parsing: bytes) }
        #expect(problem?.code == "invalid-json")
    }

    @Test func escapesAndSurrogatePairsAreRead() throws {
        let text = #""a\"\\\/\b\f\n\r\tb\u0041\u00e9\u20ac\ud83d\ude00z""#
        #expect(try parse(text) == .string("a\"\\/\u{8}\u{c}\n\r\tbA\u{e9}\u{20ac}\u{1F600}z"))
    }

    @Test(arguments: [#"{"a":1,"a":1}"#, #"{"a":1,"b":{"c":1,"\u0063":2}}"#])
    func aRepeatedMemberIsRefused(text: String) {
        let problem = #expect(throws: Problem.self) { try parse(text) }
        #expect(problem?.detail.contains("repeated") == true)
    }

    @Test func theNestingHasABorder() throws {
        let limit = JSONParser.depthMax
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try parse(nested(limit))
        #expect(throws: Problem.self) { try parse(nested(limit + 1)) }
    }

    /// A megabyte of brackets neither crashes nor takes long: the nesting has a limit.
    @Test(arguments: ["[", #"{"a":"#]) func deepNestingIsRefused(opening: String) {
        let problem = #expect(throws: Problem.self) {
            try parse(String(repeating: opening, count: 1_048_576 / opening.utf8.count))
        }
        #expect(problem?.code == "invalid-json")
    }

    @Test func nestingThatADefinitionNeedsIsRead() throws {
        let text = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        var value = try parse(text)
        for _ in 1..<100 {
            guard case .array(let elements) = value, elements.count == 1 else {
                Issue.record("\(value)")
                return
            }
            value = elements[0]
        }
        #expect(value == .array([]))
    }

    @Test func theLongestBodyIsRead() throws {
        let text = String(repeating: "x", count: 1_048_576 - 2)
        #expect(try parse("\"\(text)\"") == .string(text))
    }
}
