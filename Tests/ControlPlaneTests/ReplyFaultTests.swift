import Testing

@testable import ControlPlane
@testable import RelayModel

/// What a session may reply.
@Suite struct ReplyFaultTests {
    @Test(arguments: [
        #"{"text":""}"#, #"{"text":"x","perSecondMax":1}"#, #"{"base64":""}"#,
        #"{"base64":"AP8="}"#,
        #"{"template":"{{{hostname}}}","perSecondMax":1000000}"#, #"{"handler":"a.b-c_9"}"#,
        #"{"text":"x","to":"sender","ttl":1}"#, #"{"handler":"h","to":"destination","ttl":255}"#,
    ])
    func aReplyHasOneOfFourForms(reply: String) {
        #expect(faults(in: #"{\#(Minimal.receiver),"reply":\#(reply)}"#) == nil)
        #expect(faults(in: #"{\#(Minimal.broadcastReceiver),"reply":\#(reply)}"#) == nil)
    }

    @Test(
        arguments: [
            ("{}", "missing-field", ["/reply"]),
            (#"{"perSecondMax":1}"#, "missing-field", ["/reply"]),
            (#"{"text":"x","base64":""}"#, "invalid-field", ["/reply"]),
            (#"{"text":"x","template":"x"}"#, "invalid-field", ["/reply"]),
            (#"{"text":null}"#, "invalid-field", ["/reply/text"]),
            (#"{"base64":"A"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"QUI"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"QU JD"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"QUJD\n"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"_-_-"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"=QUI"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"QQ==QUJD"}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"A==="}"#, "invalid-field", ["/reply/base64"]),
            (#"{"base64":"QUJD===="}"#, "invalid-field", ["/reply/base64"]),
            (#"{"template":"{nobody}"}"#, "invalid-field", ["/reply/template"]),
            (#"{"template":"}"}"#, "invalid-field", ["/reply/template"]),
            (#"{"text":"x","perSecondMax":0}"#, "invalid-field", ["/reply/perSecondMax"]),
            (#"{"text":"x","perSecondMax":1000001}"#, "invalid-field", ["/reply/perSecondMax"]),
            (#"{"text":"x","to":"group"}"#, "invalid-field", ["/reply/to"]),
            (#"{"text":"x","to":null}"#, "invalid-field", ["/reply/to"]),
            (#"{"text":"x","ttl":0}"#, "invalid-field", ["/reply/ttl"]),
            (#"{"text":"x","ttl":256}"#, "invalid-field", ["/reply/ttl"]),
            (#"{"text":"x","handler":"h"}"#, "invalid-field", ["/reply"]),
            (#"{"handler":"-h"}"#, "invalid-field", ["/reply/handler"]),
            (#"{"handler":"/bin/sh"}"#, "invalid-field", ["/reply/handler"]),
            (#"{"handler":["/bin/sh"]}"#, "invalid-field", ["/reply/handler"]),
            (#"{"handler":{"argv":["/bin/sh"]}}"#, "invalid-field", ["/reply/handler"]),
            (#"{"handler":"h","argv":["/bin/sh"]}"#, "unknown-field", ["/reply/argv"]),
            (#"{"text":"x","a/b":1}"#, "unknown-field", ["/reply/a~1b"]),
        ] as [(String, String, [String])]
    )
    func anyOtherReplyIsRefused(reply: String, code: String, pointers: [String]) {
        let found = faults(in: #"{\#(Minimal.receiver),"reply":\#(reply)}"#)
        #expect(found?.code == code)
        #expect(found?.pointers == pointers)
    }

    @Test func aReplyFitsInADatagram() {
        let border = String(repeating: "x", count: 65_507)
        func reply(_ form: String, _ value: String) -> Faults? {
            faults(in: #"{\#(Minimal.receiver),"reply":{"\#(form)":"\#(value)"}}"#)
        }
        #expect(reply("text", border) == nil)
        #expect(reply("text", border + "x") == Faults("invalid-field", "/reply/text"))
        #expect(
            reply("text", String(repeating: "é", count: 32_754))
                == Faults("invalid-field", "/reply/text")
        )
        // 65 507 bytes are 21 835 groups of three and two bytes.
        #expect(reply("base64", String(repeating: "AAAA", count: 21_835) + "AAA=") == nil)
        #expect(
            reply("base64", String(repeating: "AAAA", count: 21_836))
                == Faults("invalid-field", "/reply/base64")
        )
        #expect(reply("template", String(repeating: "x", count: 8192)) == nil)
        #expect(
            reply("template", String(repeating: "x", count: 8193))
                == Faults("invalid-field", "/reply/template")
        )
    }
}
