import Glibc
import Testing

@testable import HTTPHosting

@Suite struct UnixSocketTests {
    /// A path in a directory of its own.
    private let path: String

    init() throws {
        var template = Array("/tmp/relaycast-test-XXXXXX".utf8CString)
        // Safe because mkdtemp(3) writes within the template.
        let made = unsafe template.withUnsafeMutableBufferPointer { template in
            if let first = template.baseAddress { unsafe mkdtemp(first) != nil } else { false }
        }
        guard made else { throw TestFailure("mkdtemp: \(errno)") }
        path =
            String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
            + "/socket"
    }

    private func mode() -> UInt32? {
        var status = stat()
        // Safe because `status` outlives the call.
        return unsafe lstat(path, &status) == 0 ? status.st_mode : nil
    }

    private func serve(_ body: (HTTPListener) throws -> Void) throws {
        try withListener(sampleRoutes, local { $0.address = .unix(path: path) }, body: body)
    }

    @Test func servesAnyHostAndKnowsThePeer() throws {
        let whoAsks = Route(.get, "/who") { request, _ throws(Problem) in
            .now(text("\(request.peer.credentials?.processID ?? 0)"))
        }
        try withListener([whoAsks], local { $0.address = .unix(path: path) }) { listener in
            #expect(mode() == S_IFSOCK | 0o660)
            let client = try TestClient(listener.boundAddress)
            client.send("GET /who HTTP/1.1\r\nHost: any.example\r\n\r\n")
            #expect(try client.response().body == "\(getpid())")
        }
        #expect(mode() == nil)
    }

    @Test func staleSocketIsReplacedAndALiveOneIsNot() throws {
        try serve { _ in
            let second = #expect(throws: ListenerError.self) { try serve { _ in } }
            #expect(second?.errno == "EADDRINUSE")
            #expect(mode() != nil)
        }
        let stale = try ListeningSocket(.unix(path: path), backlog: 1)
        close(stale.descriptor)
        #expect(mode() != nil)
        try serve { listener in
            let response = try TestClient(listener.boundAddress).get("/hello")
            #expect(response.status == 200)
        }
    }

    @Test func anotherKindOfFileIsLeftAlone() throws {
        // Safe because the path is valid during the call.
        let file = unsafe open(path, O_CREAT | O_WRONLY, 0o600)
        close(file)
        let error = #expect(throws: ListenerError.self) { try serve { _ in } }
        #expect(error?.errno == "EEXIST")
        #expect(mode() == S_IFREG | 0o600)
    }

    @Test func pathThatDoesNotFitIsRefused() {
        let long = "/tmp/" + String(repeating: "x", count: 103)
        #expect(throws: ListenerError.self) {
            try withListener(sampleRoutes, local { $0.address = .unix(path: long) }) { _ in }
        }
    }
}
