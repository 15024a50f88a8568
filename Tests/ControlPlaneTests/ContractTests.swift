import HTTPTypes
import RelayModel
import Testing

@testable import ControlPlane
@testable import HTTPHosting

/// openapi.yaml and the route table say the same.
@Suite struct ContractTests {
    let service: Service
    let document: String

    init() throws {
        service = try Service(store: MemoryStore())
        document = try service.get("/openapi.yaml").text
    }

    /// `METHOD path` of every operation: the lines of `paths:` that are indented by two and four.
    private var operations: Set<String> {
        var operations: Set<String> = []
        var path = ""
        let lines = document.split(separator: "\n", omittingEmptySubsequences: false)
        for line in lines.drop(while: { $0 != "paths:" }).dropFirst() {
            guard line.isEmpty || line.hasPrefix(" ") else { break }
            let indentation = line.prefix { $0 == " " }.count
            let key = line.dropFirst(indentation).prefix { $0 != ":" }
            if indentation == 2 { path = String(key) }
            let isMethod = ["get", "head", "post", "put", "patch", "delete"].contains(key)
            if indentation == 4 && isMethod { operations.insert("\(key.uppercased()) \(path)") }
        }
        return operations
    }

    @Test func everyOperationOfTheContractHasARouteAndTheReverse() {
        let routes = Set(service.api.routes.map { "\($0.method.rawValue) \($0.template)" })
        let withoutHead = operations.filter { !$0.hasPrefix("HEAD ") }
        #expect(withoutHead == routes)
        #expect(!routes.isEmpty)
    }

    @Test func headIsDescribedOnlyWhereGetIs() {
        for operation in operations where operation.hasPrefix("HEAD ") {
            #expect(operations.contains("GET" + operation.dropFirst(4)))
        }
    }

    @Test func theContractIsServedAsItIs() throws {
        let response = try service.get("/openapi.yaml")
        #expect(response.status == .ok)
        #expect(response.fields[.contentType] == "application/yaml")
        #expect(document.hasPrefix("openapi: 3.1"))
        #expect(response.body.bytes == EmbeddedFile.contract.bytes)
    }

    @Test func everyCodeIsPublishedOnceWithWhereItStands() {
        let codes = PublishedCode.all.map(\.code)
        #expect(Set(codes).count == codes.count)
        let known = Dictionary(uniqueKeysWithValues: PublishedCode.all.map { ($0.code, $0.places) })
        for code in SessionError.Code.allCases {
            let places = known[code.rawValue] ?? []
            #expect(places.contains(.problem) || places.contains(.reason), "\(code.rawValue)")
        }
        for code in SessionWarning.Code.allCases {
            #expect(known[code.rawValue] == [.warning], "\(code.rawValue)")
        }
        let warnings = PublishedCode.all.filter { $0.places.contains(.warning) }
        #expect(warnings.count == SessionWarning.Code.allCases.count)
        #expect(PublishedCode.all.allSatisfy { !$0.meaning.hasSuffix(".") && !$0.places.isEmpty })
    }

    @Test func theContractHasTheListOfCodes() {
        let section = PublishedCode.all.map { code in
            let isPlain = !code.meaning.contains { $0 == "`" || $0 == ":" }
            let meaning = isPlain ? code.meaning : "'\(code.meaning)'"
            let places = code.places.map(\.rawValue).joined(separator: ", ")
            return "  \(code.code):\n    in: [\(places)]\n    means: \(meaning)\n"
        }
        #expect(document.contains("\nx-codes:\n\(section.joined())\n"))
    }

    @Test func everyFieldReasonAndStateIsInTheContract() {
        #expect(missing(SessionField.allCases.map { " \($0.rawValue):" }) == [])
        #expect(missing(DropReason.allCases.map(\.name)) == [])
        #expect(missing(SessionState.allCases.map(\.rawValue)) == [])
        #expect(missing(ServiceLimits.all.map(\.name)) == [])
    }

    private func missing(_ words: [String]) -> [String] {
        words.filter { !document.contains($0) }
    }
}
