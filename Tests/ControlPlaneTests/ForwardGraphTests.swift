import RelayModel
import Testing

@testable import ControlPlane

/// Circles in a graph of sessions.
@Suite struct ForwardGraphTests {
    /// A graph of edges like `ab`.
    private func graph(_ edges: [String]) -> ForwardGraph {
        var targets: [SessionName: [SessionName]] = [:]
        for edge in edges {
            let ends = edge.compactMap { SessionName(String($0)) }
            targets[ends[0], default: []].append(ends[1])
        }
        return ForwardGraph { targets[$0] ?? [] }
    }

    private func names(_ text: String) -> [SessionName] {
        text.compactMap { SessionName(String($0)) }
    }

    @Test(
        arguments: [
            (["ab"], nil), (["aa"], "aa"), (["ab", "ba"], "aba"), (["ab", "bc", "ca"], "abca"),
            (["ab", "bc", "cb"], nil), (["ab", "bc", "cd", "da", "ac"], "acda"),
            (["ab", "ac", "bd", "cd"], nil), ([], nil),
        ] as [([String], String?)]
    )
    func theShortestCircleIsFound(edges: [String], circle: String?) {
        #expect(graph(edges).circle(through: names("a")[0]) == circle.map(names))
    }

    @Test(arguments: [
        (["ab", "bc"], []), (["aa"], ["a"]), (["ab", "ba", "bc"], ["ab"]),
        (["ab", "bc", "ca", "cd", "de", "ed", "ef"], ["abc", "de"]),
        (["ab", "bc", "cb"], ["bc"]), (["xy", "yx"], []),
        (["ab", "bc", "cd", "db", "da"], ["abcd"]),
    ])
    func thoseThatReachOneAnotherAreTogether(edges: [String], circles: [String]) {
        let found = graph(edges).circles(from: names("abcdef"))
        #expect(found.map { $0.sorted() }.sorted { $0[0] < $1[0] } == circles.map(names))
    }

    @Test func aLongChainTakesNoStack() throws {
        let names = try (0..<10_000).map { try #require(SessionName("s\($0)")) }
        var next: [SessionName: SessionName] = [:]
        for (name, target) in zip(names, names.dropFirst()) { next[name] = target }
        let chain = ForwardGraph { next[$0].map { [$0] } ?? [] }
        #expect(chain.circles(from: names).isEmpty)
        #expect(chain.circle(through: names[0]) == nil)
        next[names[9999]] = names[0]
        let ring = ForwardGraph { [next] in next[$0].map { [$0] } ?? [] }
        #expect(ring.circles(from: names).map(\.count) == [10_000])
        #expect(ring.circle(through: names[7])?.count == 10_001)
    }
}
