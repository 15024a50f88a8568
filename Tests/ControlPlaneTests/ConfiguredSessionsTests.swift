import RelayModel
import Testing

@testable import ControlPlane

/// The sessions of the configuration file, in the registry and as text.
@Suite struct ConfiguredSessionsTests {
    private func definition(_ text: String) throws -> SessionDefinition {
        try decode("{\(text)}")
    }

    private func faults(_ text: String, sessionsMax: Int = 3) throws -> [String] {
        var options = ServiceOptions()
        options.limits.sessionsMax = sessionsMax
        options.configuredSessions = try JSONValue(parsing: Array(text.utf8)).elements
        return options.configuredSessionFaults().map(\.pointer)
    }

    private static let sender =
        #""kind":"multicast-sender","group":"239.255.8.1","port":9,"interface":"lo""#

    @Test func asManyAsTheLimitAreTaken() throws {
        let three = "abc".map { #"{"name":"\#($0)",\#(Self.sender)}"# }.joined(separator: ",")
        #expect(try faults("[\(three)]") == [])
        #expect(try faults("[\(three)]", sessionsMax: 2) == [""])
    }

    @Test func everyFaultIsNamedByItsPlace() throws {
        let text = """
            [{"name":"a",\(Self.sender)}, {\(Self.sender)}, {"name":"a",\(Self.sender)},
             {"name":"b",\(Self.sender),"ttl":0,"sources":[]}, 7]
            """
        let found = try faults(text, sessionsMax: 10)
        #expect(found == ["/1/name", "/2/name", "/3/sources", "/3/ttl", "/4"])
    }

    @Test func aReloadTouchesNothingThatIsDefinedAsBefore() throws {
        let service = try Service(store: MemoryStore())
        let first = try definition(#""name":"first",\#(Self.sender)"#)
        let second = try definition(#""name":"second",\#(Self.sender)"#)
        let registry = service.registry
        registry.reload(configured: [first, second])
        let before = registry.snapshot().sessions
        #expect(before.map(\.origin) == [.configuration, .configuration])
        let revision = registry.events.revision
        registry.reload(configured: [second, first])
        #expect(registry.events.revision == revision)
        #expect(zip(before, registry.snapshot().sessions).allSatisfy { $0 === $1 })
        registry.reload(configured: [second])
        #expect(registry.snapshot().sessions.map(\.name) == [second.name])
        #expect(registry.snapshot().sessions.first === before.last)
    }

    @Test func whatTheFileDefinesIsNotStored() throws {
        let store = MemoryStore()
        let service = try Service(store: store)
        var first = try definition(#""name":"first",\#(Self.sender)"#)
        service.registry.reload(configured: [first])
        first.ttl = 7
        service.registry.reload(configured: [first])
        #expect(store.names == [])
        service.registry.reload(configured: [])
        #expect(store.names == [] && service.registry.snapshot().sessions.isEmpty)
    }

    @Test func whatTheFileDefinesIsThereAsFailedWhenItCannotBe() throws {
        let store = MemoryStore()
        let service = try Service(store: store, sessionsMax: 1)
        try service.mustCreate(#""name":"first",\#(Self.sender),"ttl":3,"enabled":false"#)
        // The file is held against the policy before; here it is not, so that the write fails.
        var policy = SessionPolicy()
        policy.ttlMax = 1
        service.registry.setPolicy(policy)
        let first = try definition(#""name":"first",\#(Self.sender),"ttl":2"#)
        service.registry.reload(configured: [first])
        let failed = try #require(service.registry.snapshot().sessions.first)
        #expect(failed.origin == .configuration && failed.status.state == .failed)
        #expect(failed.status.reason?.code == .forbiddenByPolicy)
        // What is stored of the other comes back when the file lets go of the name.
        #expect(store.names == ["first"])
        service.registry.setPolicy(SessionPolicy())
        service.registry.reload(configured: [])
        #expect(service.registry.snapshot().sessions.map(\.origin) == [.api])
    }
}
