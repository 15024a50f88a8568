import Foundation
import HTTPHosting
import HTTPTypes
import Logging
import RelayEngine
import RelayModel
import SessionStore
import Testing

@testable import ControlPlane

/// A new empty directory that is deleted with the value.
final class TemporaryDirectory: Sendable {
    let path = NSTemporaryDirectory() + "relaycast-api-" + UUID().uuidString

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// The API over a real engine, control thread and store, without a listener: what is asked goes
/// through the route table as if it had come over HTTP.
final class Service: Sendable {
    let store: any DefinitionStore
    let engine: RelayEngine
    let control: WorkQueue
    let registry: SessionRegistry
    let api: API
    private let table: RouteTable

    /// How long an answer, or anything else that must happen, may take on a busy machine.
    static let patienceNanoseconds: Int64 = 30_000_000_000

    init(
        store: any DefinitionStore,
        sessionsMax: Int = 10_000,
        writesMax: Int = 1024,
        descriptorCeiling: Int32 = .max,
        handlers: [HandlerName: Handler] = [:],
        namesOpenly: @escaping @Sendable ([String: String], [String: String]) -> Bool = { _, _ in
            true
        }
    ) throws {
        self.store = store
        engine = try RelayEngine(
            RelayEngine.Options(
                descriptorCeiling: descriptorCeiling,
                hostname: "test-host",
                handlers: handlers
            )
        )
        control = try WorkQueue(name: "control", jobsMax: writesMax)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        registry = SessionRegistry(
            engine: engine,
            store: store,
            sessionsMax: sessionsMax,
            logger: logger,
            namesOpenly: namesOpenly
        )
        var options = ServiceOptions()
        options.limits.sessionsMax = sessionsMax
        api = API(registry: registry, control: control, options: options, hostname: "test-host")
        table = RouteTable(api.routes)
        try registry.restore()
    }

    /// A service whose database is in a directory.
    convenience init(in directory: TemporaryDirectory) throws {
        try self.init(store: try SQLiteStore(directory: directory.path))
    }

    deinit {
        control.close()
        registry.stopAll()
        engine.shutDown()
        try? store.close()
    }

    // MARK: - Requests

    /// What the service answers.
    func request(
        _ method: HTTPRequest.Method,
        _ target: String,
        _ body: [UInt8] = [],
        contentType: String? = nil
    ) throws -> Response {
        var fields: HTTPFields = [:]
        fields[.contentType] = contentType
        let request = try Request(method: method, target: target, fields: fields, body: body)
        switch table.answer(request) {
        case .now(let response), .stream(let response, _): return response
        case .later(let begin):
            let answer = HTTPHosting.Locked<Response?>(nil)
            begin(
                Completion(requestID: request.id) { response in
                    answer.withLock { $0 = response }
                    answer.signal()
                }
            )
            let deadline = HostNetwork.monotonicNanoseconds() + Self.patienceNanoseconds
            answer.wait(untilNanoseconds: UInt64(deadline)) { $0 != nil }
            return try #require(
                answer.withLock { $0 },
                "\(method) \(target) was not answered in time"
            )
        }
    }

    func get(_ target: String) throws -> Response { try request(.get, target) }

    func delete(_ name: String) throws -> Response { try request(.delete, "/v1/sessions/\(name)") }

    func post(_ target: String, _ json: String) throws -> Response {
        try request(.post, target, Array(json.utf8), contentType: "application/json")
    }

    /// Creates a session from the inside of an object.
    func create(_ members: String) throws -> Response { try post("/v1/sessions", "{\(members)}") }

    /// Creates a session that must succeed.
    @discardableResult
    func mustCreate(
        _ members: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> JSONValue {
        let response = try create(members)
        #expect(response.status == .created, "\(response.text)", sourceLocation: sourceLocation)
        return try response.json
    }

    /// A UDP port that no socket of this host was bound to a moment ago.
    func freePort() throws -> Int {
        // Not one that the kernel gave: tests run in parallel, and it gives the same again.
        for _ in 0..<1000 {
            let port = Int.random(in: 21_000..<32_000)
            let name = SessionName.generated(for: .broadcast).description
            let probe = try create(loopbackSender(name, localPort: port) + #","persist":false"#)
            guard probe.status == .created else { continue }
            #expect(try delete(name).status == .noContent)
            return port
        }
        throw SystemCallError("bind", EADDRINUSE)
    }

    /// Waits until something is so; false when it is not in time.
    func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        let deadline = HostNetwork.monotonicNanoseconds() + Self.patienceNanoseconds
        while HostNetwork.monotonicNanoseconds() < deadline {
            if try condition() { return true }
            Thread.sleep(forTimeInterval: 0.001)
        }
        return try condition()
    }
}

// MARK: - Reading answers

extension Response {
    var text: String { String(decoding: body.bytes, as: UTF8.self) }

    var json: JSONValue {
        get throws { try JSONValue(parsing: body.bytes) }
    }

    /// The problem's code; nil when it is no problem, or one without all that a problem has.
    var problemCode: String? {
        get throws {
            guard fields[.contentType] == "application/problem+json" else { return nil }
            let problem = try json
            guard let code = problem["code"]?.string,
                problem["type"]?.string == "/problems/\(code)",
                problem["status"]?.integer == status.code,
                problem["title"]?.string?.isEmpty == false,
                problem["detail"]?.string != nil, problem["requestId"]?.string?.isEmpty == false
            else { return nil }
            return code
        }
    }
}

extension JSONValue {
    subscript(key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    var integer: Int? {
        if case .number(let number) = self { Int(exactly: number) } else { nil }
    }

    var elements: [JSONValue] {
        if case .array(let elements) = self { elements } else { [] }
    }

    /// The members of an object.
    var keys: Set<String> {
        if case .object(let members) = self { Set(members.keys) } else { [] }
    }
}
