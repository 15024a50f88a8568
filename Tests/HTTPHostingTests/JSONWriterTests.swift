import Testing

@testable import HTTPHosting

@Suite struct JSONWriterTests {
    private func written(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func commasStandBetweenMembersAndItems() {
        let text = written { writer in
            writer.beginObject()
            writer.member("a", 1)
            writer.key("b")
            writer.beginArray()
            writer.value(true)
            writer.value("x")
            writer.beginObject()
            writer.endObject()
            writer.endArray()
            writer.key("c")
            writer.raw(Array("[1,2]".utf8))
            writer.endObject()
        }
        #expect(text == #"{"a":1,"b":[true,"x",{}],"c":[1,2]}"#)
    }

    @Test(arguments: [
        ("plain", #""plain""#), ("", #""""#), ("a\"b\\c", #""a\"b\\c""#),
        ("\u{8}\t\n\u{C}\r", #""\b\t\n\f\r""#), ("\0\u{1}\u{1F}", #""\u0000\u0001\u001f""#),
        ("grüße 🚀\u{7F}", "\"grüße 🚀\u{7F}\""), ("/", #""/""#),
    ])
    func stringsAreEscaped(text: String, json: String) {
        #expect(written { $0.value(text) } == json)
        #expect(written { $0.key(text) } == json + ":")
    }

    @Test func bytesThatAreNotUTF8AreRepaired() {
        #expect(written { $0.value(repairing: [0x61, 0xFF, 0x62]) } == "\"a\u{FFFD}b\"")
        #expect(written { $0.value(repairing: [0xE2, 0x82]) } == "\"\u{FFFD}\"")
    }

    @Test func integersAreWrittenAtTheirBorders() {
        #expect(written { $0.value(0) } == "0")
        #expect(written { $0.value(Int.min) } == "-9223372036854775808")
        #expect(written { $0.value(UInt64.max) } == "18446744073709551615")
        #expect(written { $0.value(Int8(-128)) } == "-128")
    }

    @Test(arguments: [
        0.0, -0.5, 1.0, 93.2, 0.1, 1e21, .leastNonzeroMagnitude, 1.7976931348623157e308,
    ])
    func doublesReadBackAsTheyWere(number: Double) {
        let text = written { $0.value(number) }
        #expect(Double(text) == number)
        #expect(text.allSatisfy { "0123456789+-.e".contains($0) })
    }

    @Test func decimalsAreWrittenWithoutZerosAtTheEnd() {
        let numbers: [UInt64] = [0, 1, 10, 999, 1000, 1_500, 12_345, .max]
        let texts = numbers.map { number in written { $0.value(number, decimals: 3) } }
        #expect(
            texts == [
                "0.0", "0.001", "0.01", "0.999", "1.0", "1.5", "12.345", "18446744073709551.615",
            ]
        )
        #expect(written { $0.value(2_000_000_003, decimals: 9) } == "2.000000003")
    }

    @Test func whatDoesNotFitTheCapacityIsKept() {
        let text = String(repeating: "x", count: 1000)
        for capacity in [0, 15, 16, 17, 1002] {
            var writer = JSONWriter(capacity: capacity)
            writer.beginObject()
            for number in 0..<100 { writer.member("key", UInt64(number)) }
            writer.member("text", text)
            writer.endObject()
            let members = (0..<100).map { "\"key\":\($0)," }.joined()
            let expected = "{\(members)\"text\":\"\(text)\"}"
            #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
        }
    }

    @Test func everyNumberOfDigitsIsWritten() {
        var number: UInt64 = 1
        for digits in 1...20 {
            #expect(written { $0.value(number) } == "\(number)")
            #expect(written { $0.value(number - 1) } == "\(number - 1)")
            #expect("\(number)".count == digits)
            if digits < 20 { number *= 10 }
        }
    }

    @Test func aKeyIsTheSameAsALiteralAndAsText() {
        let name = "name"
        let literal = written { writer in
            writer.beginObject("name")
            writer.member("name", true)
            writer.endObject()
        }
        let text = written { writer in
            writer.key(name)
            writer.beginObject()
            writer.member(name, true)
            writer.endObject()
        }
        #expect(literal == text)
    }
}
