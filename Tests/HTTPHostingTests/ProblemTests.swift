import HTTPTypes
import Testing

@testable import HTTPHosting

@Suite struct ProblemTests {
    @Test func problemHasTheDesignedShape() {
        let problem = Problem(
            status: .conflict,
            code: "address-in-use",
            title: "Address already in use",
            detail: "bind 0.0.0.0:5004",
            errors: [Problem.FieldError(pointer: "/port", detail: "taken")],
            errno: "EADDRINUSE",
            extensions: [.integer("sent", 3), .string("held", "cam7")],
            fields: [.retryAfter: "1"]
        )
        let response = problem.response(requestID: "r1")
        #expect(response.status == .conflict)
        #expect(response.fields[.contentType] == "application/problem+json")
        #expect(response.fields[.cacheControl] == "no-store")
        #expect(response.fields[.retryAfter] == "1")
        let expected = [
            #"{"type":"/problems/address-in-use","title":"Address already in use","status":409,"#,
            #""code":"address-in-use","detail":"bind 0.0.0.0:5004","#,
            #""errors":[{"pointer":"/port","detail":"taken"}],"errno":"EADDRINUSE","#,
            #""sent":3,"held":"cam7","requestId":"r1"}"#,
        ].joined()
        #expect(String(decoding: response.body.bytes, as: UTF8.self) == expected)
    }

    @Test func whatIsEmptyIsLeftOut() {
        let body = Problem.draining.response(requestID: "r1").body
        let text = String(decoding: body.bytes, as: UTF8.self)
        #expect(!text.contains("errors") && !text.contains("errno") && !text.contains("null"))
    }
}
