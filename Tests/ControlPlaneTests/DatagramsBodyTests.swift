import Testing

@testable import ControlPlane

/// Datagrams to send, as JSON.
@Suite struct DatagramsBodyTests {
    private func datagrams(_ text: String) throws(Problem) -> [[UInt8]] {
        try DatagramsBody(decoding: JSONValue(parsing: Array(text.utf8))).datagrams
    }

    private func faults(_ text: String) -> Faults? {
        do throws(Problem) {
            _ = try datagrams(text)
            return nil
        } catch {
            return Faults(error)
        }
    }

    @Test(
        arguments: [
            (#"{"text":"é"}"#, [[0xC3, 0xA9]]), (#"{"text":""}"#, [[]]),
            (#"{"base64":"AP8="}"#, [[0x00, 0xFF]]),
            (#"{"base64":""}"#, [[]]), (#"{"hex":"00fFA9"}"#, [[0x00, 0xFF, 0xA9]]),
            (#"{"hex":""}"#, [[]]),
            (#"{"text":"\u0000"}"#, [[0]]),
            (#"{"datagrams":[{"text":"a"},{"hex":"62"},{"base64":"Yw=="}]}"#, [[97], [98], [99]]),
        ] as [(String, [[UInt8]])]
    )
    func everyFormIsRead(text: String, expected: [[UInt8]]) throws {
        #expect(try datagrams(text) == expected)
    }

    @Test(arguments: [
        ("[]", Faults("invalid-field", "")), ("{}", Faults("missing-field", "")),
        (#"{"text":"a","hex":"00"}"#, Faults("invalid-field", "")),
        (#"{"text":1}"#, Faults("invalid-field", "/text")),
        (#"{"hex":"0"}"#, Faults("invalid-field", "/hex")),
        (#"{"hex":"0g"}"#, Faults("invalid-field", "/hex")),
        (#"{"hex":"0x00"}"#, Faults("invalid-field", "/hex")),
        (#"{"hex":"00 00"}"#, Faults("invalid-field", "/hex")),
        (#"{"base64":"YQ"}"#, Faults("invalid-field", "/base64")),
        (#"{"text":"a","ttl":1}"#, Faults("unknown-field", "/ttl")),
        (#"{"datagrams":{}}"#, Faults("invalid-field", "/datagrams")),
        (#"{"datagrams":null}"#, Faults("invalid-field", "/datagrams")),
        (#"{"datagrams":[]}"#, Faults("invalid-field", "/datagrams")),
        (#"{"datagrams":[{"text":"a"}],"text":"a"}"#, Faults("invalid-field", "")),
        (
            #"{"datagrams":[{"text":"a"},1,{"x~/":1}]}"#,
            Faults("invalid-field", "/datagrams/1", "/datagrams/2", "/datagrams/2/x~0~1")
        ),
        (
            #"{"datagrams":[{"datagrams":[]}]}"#,
            Faults("unknown-field", "/datagrams/0", "/datagrams/0/datagrams")
        ),
        (
            #"{"datagrams":[{"hex":"0"},{"text":"a","x":1}]}"#,
            Faults("invalid-field", "/datagrams/0/hex", "/datagrams/1/x")
        ),
    ])
    func anythingElseIsRefusedWhereItIs(text: String, expected: Faults) {
        #expect(faults(text) == expected)
    }

    @Test func aRequestCarries1024Datagrams() throws {
        func list(_ count: Int) -> String {
            #"{"datagrams":["#
                + Array(repeating: #"{"text":""}"#, count: count).joined(separator: ",") + "]}"
        }
        #expect(try datagrams(list(1024)).count == 1024)
        #expect(faults(list(1025)) == Faults("invalid-field", "/datagrams"))
    }

    @Test func aDatagramCarries65507Bytes() throws {
        func hex(_ count: Int) -> String { #"{"hex":"\#(String(repeating: "ab", count: count))"}"# }
        #expect(try datagrams(hex(65_507))[0].count == 65_507)
        let tooLarge = Faults("datagram-too-large", "")
        #expect(faults(hex(65_508)) == tooLarge)
        #expect(faults(#"{"text":"\#(String(repeating: "é", count: 32_754))"}"#) == tooLarge)
        #expect(faults(#"{"base64":"\#(String(repeating: "AAAA", count: 21_836))"}"#) == tooLarge)
        let text = try datagrams(#"{"text":"\#(String(repeating: "é", count: 32_753))"}"#)
        #expect(text[0].count == 65_506)
        let second = #"{"datagrams":[{"text":"a"},\#(hex(65_508)),\#(hex(65_509))]}"#
        #expect(faults(second) == Faults("datagram-too-large", "/datagrams/1"))
    }

    @Test func aRawBodyIsOneDatagram() throws {
        #expect(try DatagramsBody(octets: []).datagrams == [[]])
        let longest = Array(repeating: UInt8(7), count: 65_507)
        #expect(try DatagramsBody(octets: longest).datagrams == [longest])
        let problem = #expect(throws: Problem.self) { try DatagramsBody(octets: longest + [7]) }
        #expect(problem?.code == "datagram-too-large")
    }
}
