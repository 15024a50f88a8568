import HTTPHosting
import HTTPTypes
import RelayEngine
import SessionStore
import Testing

@testable import ControlPlane

/// What creates with an idempotency key were answered is remembered within bounds.
@Suite struct DesiredStateIdempotencyTests {
    /// A clock that stands still until it is told otherwise.
    private final class Clock: Sendable {
        private let time = HTTPHosting.Locked<Int64>(1_000_000_000)

        var now: Int64 { time.withLock { $0 } }

        func advance(_ nanoseconds: Int64) { time.withLock { $0 += nanoseconds } }
    }

    private let clock = Clock()
    private let answers: IdempotentAnswers

    init() { answers = IdempotentAnswers { [clock] in clock.now } }

    private func key(_ text: String, body: String = "{}") throws -> IdempotencyKey {
        let request = try Request(
            method: .post,
            target: "/v1/sessions",
            fields: [.idempotencyKey: text],
            body: Array(body.utf8)
        )
        return try #require(try IdempotencyKey(request))
    }

    private func created(_ body: String) -> Response {
        .json(Content(Array(body.utf8)), status: .created)
    }

    /// The first request of a key, answered with success; what the store is to do.
    @discardableResult
    private func answer(_ text: String, _ body: String = "{}") throws -> [StoreChange] {
        guard case .begun(let attempt) = answers.begin(try key(text)) else {
            Issue.record("\(text) is known already")
            return []
        }
        let changes = attempt.changes(created(body))
        attempt.succeed(created(body))
        return changes
    }

    /// The body that a repeated request is answered; nil for one that begins.
    private func replay(_ text: String) throws -> String? {
        switch answers.begin(try key(text)) {
        case .answer(let response): return response.text
        case .begun: return nil
        case .refused(let problem):
            Issue.record("\(problem.code)")
            return nil
        }
    }

    @Test func anAnswerIsForgottenAfterADay() throws {
        try answer("k", "one")
        clock.advance(IdempotentAnswers.lifetimeNanoseconds - 1)
        #expect(try replay("k") == "one")
        clock.advance(1)
        #expect(try replay("k") == nil)
    }

    @Test func aRequestThatIsBeingAnsweredIsNotBegunAgain() throws {
        guard case .begun(let attempt) = answers.begin(try key("k")) else {
            Issue.record("k is known")
            return
        }
        guard case .refused(let inUse) = answers.begin(try key("k")) else {
            Issue.record("k was begun twice")
            return
        }
        #expect(inUse.code == "idempotency-key-in-use" && inUse.status == .conflict)
        guard case .refused(let reused) = answers.begin(try key("k", body: "[]")) else {
            Issue.record("k was begun twice")
            return
        }
        #expect(reused.code == "idempotency-key-reuse")
        attempt.end()
        #expect(try replay("k") == nil)
    }

    @Test func anAttemptThatIsOverDoesNotEndTheNextOne() throws {
        guard case .begun(let first) = answers.begin(try key("k")) else {
            Issue.record("k is known")
            return
        }
        first.end()
        guard case .begun(let second) = answers.begin(try key("k")) else {
            Issue.record("k is in use")
            return
        }
        // As its deinit does, whenever that comes.
        first.end()
        second.succeed(created("two"))
        #expect(try replay("k") == "two")
    }

    @Test func anAttemptThatIsDroppedFreesItsKey() throws {
        for _ in 0..<2 { #expect(try replay("k") == nil) }
    }

    @Test func theOldestIsForgottenBeyondTheMostAnswers() throws {
        for index in 0..<IdempotentAnswers.answersMax { try answer("k\(index)", "\(index)") }
        #expect(try replay("k0") == "0")
        try answer("more")
        #expect(try replay("k0") == nil)
        #expect(try replay("k1") == "1")
        #expect(try replay("more") == "{}")
    }

    @Test func theOldestAreForgottenBeyondTheMostBytes() throws {
        let quarter = String(repeating: "x", count: IdempotentAnswers.bytesMax / 4)
        for name in ["a", "b", "c", "d"] { try answer(name, quarter) }
        #expect(try replay("a") == nil)
        #expect(try replay("b") == quarter)
        #expect(try replay("d") == quarter)
    }

    @Test func aWriteForgetsSomeThatTheStoreHasAndNotAllAtOnce() throws {
        for index in 0..<40 { try answer("k\(index)") }
        clock.advance(IdempotentAnswers.lifetimeNanoseconds)
        var forgotten: [String] = []
        for round in 0..<4 {
            let changes = try answer("r\(round)")
            let keys = changes.compactMap { change -> String? in
                if case .forget(let key) = change { key } else { nil }
            }
            #expect(keys.count <= 16)
            forgotten += keys
        }
        #expect(forgotten == (0..<40).map { " k\($0)" })
    }

    @Test func whatTheStoreRemembersIsAnsweredWithinTheSameBounds() throws {
        let now = clock.now
        let stored = ["old", "new"].map { name in
            StoredAnswer(
                key: " \(name)",
                fingerprint: SHA256Digest(of: Array("{}".utf8)).hexadecimal,
                answer: "/v1/sessions/\(name)\n\"tag\"\n{\"name\":\"\(name)\"}",
                createdAt: name == "old" ? now - IdempotentAnswers.lifetimeNanoseconds : now
            )
        }
        answers.restore(stored)
        #expect(try replay("old") == nil)
        guard case .answer(let response) = answers.begin(try key("new")) else {
            Issue.record("new is not known")
            return
        }
        #expect(response.status == .created)
        #expect(response.fields[.location] == "/v1/sessions/new")
        #expect(response.fields[.eTag] == "\"tag\"")
        #expect(response.text == #"{"name":"new"}"#)
    }
}

/// Idempotency keys through the API, with a store that fails.
@Suite struct DesiredStateIdempotentCreateTests {
    private func create(_ service: Service, _ members: String, key: String) throws -> Response {
        let request = try Request(
            method: .post,
            target: "/v1/sessions",
            fields: [.idempotencyKey: key, .contentType: "application/json"],
            body: Array("{\(members)}".utf8)
        )
        let begin: @Sendable (Completion) -> Void
        switch RouteTable(service.api.routes).answer(request) {
        case .now(let response), .stream(let response, _): return response
        case .later(let body): begin = body
        }
        let answer = HTTPHosting.Locked<Response?>(nil)
        begin(
            Completion(requestID: request.id) { response in
                answer.withLock { $0 = response }
                answer.signal()
            }
        )
        let deadline = UInt64(HostNetwork.monotonicNanoseconds() + Service.patienceNanoseconds)
        answer.wait(untilNanoseconds: deadline) { $0 != nil }
        return try #require(answer.withLock { $0 })
    }

    @Test func aCreateThatCannotBeStoredIsNotRemembered() throws {
        let store = MemoryStore()
        let service = try Service(store: store)
        let members = loopbackSender("s", localPort: 0)
        store.fail([.insert])
        for _ in 0..<2 {
            #expect(try create(service, members, key: "k").problemCode == "store-full")
        }
        store.fail([])
        let first = try create(service, members, key: "k")
        #expect(first.status == .created)
        #expect(try create(service, members, key: "k").body == first.body)
        #expect(try store.answers().map(\.key) == [" k"])
    }
}
