import HTTPHosting
import HTTPTypes
import Testing

@testable import ControlPlane

/// Parameters of a query.
@Suite struct QueryReaderTests {
    private func reader(_ query: String, allowed: Set<String> = ["limit", "kind"]) throws(Problem)
        -> QueryReader
    {
        try QueryReader(Request(method: .get, target: "/?\(query)"), allowed: allowed)
    }

    private func limit(_ query: String) throws(Problem) -> Int? {
        try reader(query).integer("limit", in: 1...1000)
    }

    @Test(
        arguments: [
            ("", nil), ("limit=1", 1), ("limit=1000", 1000), ("limit=007", 7), ("%6Cimit=%31", 1),
        ] as [(String, Int?)]
    )
    func anIntegerInItsRangeIsRead(query: String, expected: Int?) throws {
        #expect(try limit(query) == expected)
    }

    @Test(arguments: [
        "limit", "limit=", "limit=0", "limit=1001", "limit=-1", "limit=%2B1", "limit=+1",
        "limit=1.0", "limit=1e2",
        "limit=0x1", "limit=%D9%A3", "limit=1_0", "limit=99999999999999999999", "limit=1%20",
        "limit=true",
    ])
    func anythingElseIsNoInteger(query: String) {
        let problem = #expect(throws: Problem.self) { try limit(query) }
        #expect(problem?.code == "invalid-query")
        #expect(problem?.detail.contains("limit") == true)
    }

    @Test func theLargestCursorIsRead() throws {
        let text = "after=9223372036854775807"
        #expect(
            try reader(text, allowed: ["after"]).integer("after", in: 0...UInt64(Int64.max))
                == UInt64(Int64.max)
        )
        #expect(throws: Problem.self) {
            try reader("after=9223372036854775808", allowed: ["after"]).integer(
                "after",
                in: 0...UInt64(Int64.max)
            )
        }
    }

    @Test(arguments: [
        "limit=1&limit=1", "limit=1&limit=2", "kind=&kind=", "limits=1", "Limit=1", "=1", "x",
    ])
    func aRepeatedOrUnknownParameterIsRefused(query: String) {
        let problem = #expect(throws: Problem.self) { try reader(query) }
        #expect(problem?.code == "invalid-query")
        #expect(problem?.status == .badRequest)
    }

    @Test func aWordIsOneOfThoseKnown() throws {
        func word(_ query: String) throws(Problem) -> Int? {
            try reader(query).word("kind", ["a", "b"]) { ["a": 1, "b": 2][$0] }
        }
        #expect(try word("kind=b") == 2)
        #expect(try word("limit=1") == nil)
        for query in ["kind=c", "kind=", "kind", "kind=A", "kind=a%20"] {
            let problem = #expect(throws: Problem.self) { try word(query) }
            #expect(problem?.detail == "kind must be a, b")
        }
    }
}
