import HTTPTypes
import Testing

@testable import HTTPHosting

@Suite struct RouteTableTests {
    private let table = RouteTable(
        sampleRoutes + [
            Route(.get, "/items/special") { _, _ throws(Problem) in .now(text("literal")) },
            Route(.get, "/") { _, _ throws(Problem) in .now(text("root")) },
            Route(.get, "/items/{name}/parts/{part}") { _, parameters throws(Problem) in
                .now(text(parameters["name"] + "+" + parameters["part"]))
            },
        ]
    )

    private func answer(
        _ method: HTTPRequest.Method,
        _ target: String,
        _ fields: HTTPFields = [:],
        body: String = ""
    ) throws -> Response {
        let request = try Request(
            method: method,
            target: target,
            fields: fields,
            body: Array(body.utf8)
        )
        guard case .now(let response) = table.answer(request) else {
            throw TestFailure("The answer was put off.")
        }
        return response
    }

    private func body(_ target: String) throws -> String {
        String(decoding: try answer(.get, target).body.bytes, as: UTF8.self)
    }

    @Test func parametersAreDecodedAfterRouting() throws {
        #expect(try body("/items/a%2Fb") == "a/b")
        #expect(try body("/items/gr%C3%BC%C3%9Fe") == "grüße")
        #expect(try body("/items/x/parts/y?z=1") == "x+y")
        #expect(try body("http://example.org/items/x") == "x")
        #expect(try body("HTTPS://example.org") == "root")
        #expect(try body("/") == "root")
    }

    @Test func literalsGoBeforeParameters() throws {
        #expect(try body("/items/special") == "literal")
    }

    @Test(arguments: ["/hello/", "/items/", "/items//", "/nothing", "/Hello", "//hello", "*"])
    func unknownPathIs404(target: String) throws {
        #expect(try answer(.get, target).status == .notFound)
    }

    @Test func wrongMethodIs405WithAllow() throws {
        let response = try answer(.delete, "/items/x")
        #expect(response.status == .methodNotAllowed)
        #expect(response.fields[.allow] == "GET, HEAD, PUT")
        #expect(try answer(.trace, "/hello").status == .methodNotAllowed)
        #expect(try answer(.options, "/hello").status == .methodNotAllowed)
    }

    @Test func unknownMethodIs501() throws {
        #expect(try answer(#require(HTTPRequest.Method("get")), "/hello").status == .notImplemented)
        #expect(try answer(#require(HTTPRequest.Method("BREW")), "/").status == .notImplemented)
    }

    @Test func headIsAnsweredByGet() throws {
        #expect(try answer(.head, "/hello").body.count == 5)
    }

    @Test func handlersProblemBecomesTheResponse() throws {
        #expect(try answer(.get, "/fails").status == .conflict)
    }

    @Test func mediaTypeIsComparedWithoutParametersAndCase() throws {
        let json: HTTPFields = [.contentType: "Application/JSON; charset=utf-8"]
        let form: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
        #expect(try answer(.put, "/items/x", json, body: "{}").status == .ok)
        #expect(try answer(.put, "/items/x", form, body: "{}").status == .unsupportedMediaType)
        #expect(try answer(.put, "/items/x", body: "{}").status == .unsupportedMediaType)
        #expect(try answer(.put, "/items/x").status == .ok)
        var zipped = json
        zipped[.contentEncoding] = "gzip"
        #expect(try answer(.put, "/items/x", zipped, body: "{}").status == .unsupportedMediaType)
    }

    @Test(arguments: [
        "/items/%", "/items/%2", "/items/%zz", "/items/%00", "/items/%0a", "/items/%7F",
        "/items/%FF", "/items/a b", "/items/a#b", "items", "", "ftp://x/", "/items/ü",
    ])
    func malformedPathIsRefused(target: String) {
        #expect(throws: Problem.self) { try Request(method: .get, target: target) }
    }

    @Test func queryIsDecodedInOrder() throws {
        let request = try Request(method: .get, target: "/hello?b=1&a=x%3Dy+z&c&=d&&b=%26")
        #expect(
            request.query == [
                QueryItem(name: "b", value: "1"), QueryItem(name: "a", value: "x=y z"),
                QueryItem(name: "c", value: ""), QueryItem(name: "", value: "d"),
                QueryItem(name: "b", value: "&"),
            ]
        )
    }

    @Test func malformedQueryIsInvalidQuery() throws {
        let problem = #expect(throws: Problem.self) {
            try Request(method: .get, target: "/hello?a=%00")
        }
        #expect(problem?.code == "invalid-query")
    }

    @Test func requestIDsDoNotRepeat() {
        let ids = Set((0..<10_000).map { _ in RequestID.next() })
        #expect(ids.count == 10_000)
        #expect(ids.allSatisfy { (1...13).contains($0.utf8.count) })
    }
}
