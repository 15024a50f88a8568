import HTTPTypes
import RelayModel
import SessionStore
import Testing

@testable import ControlPlane

/// A store that fails leaves nothing behind: what is answered is what is.
@Suite struct StoreFailureTests {
    let store = MemoryStore()
    let service: Service

    init() throws { service = try Service(store: store) }

    @Test func aSessionThatCannotBeStoredIsNotMade() throws {
        let port = try service.freePort()
        store.fail([.insert])
        let response = try service.create(loopbackSender("s", localPort: port))
        #expect(response.status == .serviceUnavailable)
        #expect(response.fields[.retryAfter] == "10")
        #expect(try response.problemCode == "store-full")
        #expect(try service.get("/v1/sessions/s").status == .notFound)
        #expect(try service.get("/v1/sessions").json["total"]?.integer == 0)
        // Its socket is closed: the port is free, though the store still fails.
        try service.mustCreate(#"\#(loopbackSender("other", localPort: port)),"persist":false"#)
        #expect(try service.delete("other").status == .noContent)
        store.fail([])
        try service.mustCreate(loopbackSender("s", localPort: port))
        #expect(store.names == ["s"])
    }

    @Test func aDisabledSessionThatCannotBeStoredIsNotMade() throws {
        store.fail([.insert])
        let members = #""name":"d","kind":"broadcast","port":9,"enabled":false"#
        #expect(try service.create(members).problemCode == "store-full")
        #expect(try service.get("/v1/sessions").json["total"]?.integer == 0)
        #expect(try service.create(#"\#(members),"persist":false"#).status == .created)
    }

    @Test func aSessionWhoseDefinitionCannotBeDeletedGoesOn() throws {
        try service.mustCreate(loopbackSender("s", localPort: 0))
        store.fail([.delete])
        #expect(try service.delete("s").problemCode == "store-full")
        #expect(try service.get("/v1/sessions/s").json["status"]?["state"]?.string == "running")
        #expect(try service.post("/v1/sessions/s/datagrams", #"{"text":"x"}"#).status == .ok)
        store.fail([])
        #expect(try service.delete("s").status == .noContent)
        #expect(store.names == [])
    }

    @Test func aSessionThatIsNotPersistentNeedsNoStore() throws {
        store.fail([.insert, .delete])
        try service.mustCreate(#"\#(loopbackSender("s", localPort: 0)),"persist":false"#)
        #expect(try service.delete("s").status == .noContent)
        #expect(store.names == [])
    }

    @Test(arguments: StoreError.Kind.allCases)
    func onlyWhatTheDiskIsToBlameForMayBeTriedAgain(kind: StoreError.Kind) {
        let error = StoreError(kind, "/var/lib/relaycast/relaycast.sqlite3 says no")
        let problem = SessionError(error).problem
        #expect(problem.status == (error.isOfTheDisk ? .serviceUnavailable : .internalServerError))
        #expect((problem.fields[.retryAfter] != nil) == error.isOfTheDisk)
        #expect(problem.detail.contains("/var") == false)
    }

    @Test func aSessionThatCannotBeOpenedIsNotStored() throws {
        let port = try service.freePort()
        try service.mustCreate(loopbackSender("holder", localPort: port))
        #expect(
            try service.create(loopbackSender("late", localPort: port)).problemCode
                == "address-in-use"
        )
        #expect(store.names == ["holder"])
    }
}
