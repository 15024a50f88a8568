import HTTPHosting
import HTTPTypes
import Testing

@testable import ControlPlane

/// What the routes ask for.
@Suite struct AuthorityScopeTests {
    @Test func onlyProbesAndContractAreOpen() throws {
        let service = try Service(store: MemoryStore())
        for route in service.api.routes {
            let scope = Scope.required(by: route)
            #expect(
                (scope == nil) == Scope.openTemplates.contains(route.template),
                "\(route.template)"
            )
            if let name = route.scope { #expect(Scope(rawValue: name) != nil, "\(name)") }
            if route.method != .get { #expect(scope == .writeSessions, "\(route.template)") }
        }
    }

    /// The scope that `security` of each operation names, by `METHOD path`.
    private func documentedScopes(_ document: String) -> [String: String] {
        var scopes: [String: String] = [:]
        var (path, method) = ("", "")
        for line in document.split(separator: "\n") {
            let indentation = line.prefix { $0 == " " }.count
            let key = line.dropFirst(indentation).prefix { $0 != ":" }
            if indentation == 2 { path = String(key) }
            if indentation == 4 { method = key.uppercased() }
            guard indentation == 6, key == "security" else { continue }
            scopes["\(method) \(path)"] = line.split(separator: "'").dropFirst().first.map(
                String.init
            )
        }
        return scopes
    }

    @Test func theContractNamesTheScopesThatTheRoutesAskFor() throws {
        let service = try Service(store: MemoryStore())
        let documented = documentedScopes(try service.get("/openapi.yaml").text)
        var asked: [String: String] = [:]
        for route in service.api.routes {
            asked["\(route.method.rawValue) \(route.template)"] =
                Scope.required(by: route)?.rawValue
        }
        #expect(documented.filter { !$0.key.hasPrefix("HEAD ") } == asked)
        for (operation, scope) in documented where operation.hasPrefix("HEAD ") {
            #expect(documented["GET" + operation.dropFirst(4)] == scope)
        }
    }

    @Test func packetsAndMetricsHaveScopesOfTheirOwn() throws {
        let service = try Service(store: MemoryStore())
        let packets = service.api.routes.filter { $0.template.hasSuffix("/packets") }
        #expect(packets.map { Scope.required(by: $0) } == [.readPackets])
        let metrics = service.api.routes.filter { $0.template == "/metrics" }
        #expect(metrics.map { Scope.required(by: $0) } == [.readMetrics])
    }

    @Test func aRouteOfTheAPIIsNeverOpenByOversight() {
        func route(_ method: HTTPRequest.Method, _ template: String, _ scope: String?) -> Route {
            Route(method, template, scope: scope) { _, _ throws(Problem) in throw .draining }
        }
        #expect(Scope.required(by: route(.get, "/v1/new", nil)) == .readSessions)
        #expect(Scope.required(by: route(.patch, "/v1/new", nil)) == .writeSessions)
        #expect(Scope.required(by: route(.get, "/v1/new", "no-scope")) == .administer)
        #expect(Scope.required(by: route(.get, "/new", nil)) == .readSessions)
        #expect(Scope.required(by: route(.get, "/livez", nil)) == nil)
    }
}
