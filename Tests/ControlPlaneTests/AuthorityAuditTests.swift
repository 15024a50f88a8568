import HTTPTypes
import Logging
import Testing

@testable import ControlPlane
@testable import HTTPHosting

/// What the log says of a request.
@Suite struct AuthorityAuditTests {
    /// Keeps the lines of a log, with what belongs to them.
    private final class Lines: LogHandler, Sendable {
        typealias Line = (level: Logger.Level, message: String, metadata: Logger.Metadata)

        let lines = HTTPHosting.Locked<[Line]>([])

        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        var logLevel: Logger.Level {
            get { .trace }
            set {}
        }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }

        func log(event: LogEvent) {
            lines.withLock {
                $0.append((event.level, event.message.description, event.metadata ?? [:]))
            }
        }
    }

    private func line(
        _ method: HTTPRequest.Method,
        status: Int?,
        principal: String? = "ci"
    ) throws -> Lines.Line {
        let lines = Lines()
        AccessLog(Logger(label: "test") { _ in lines }).record(
            RequestRecord(
                id: "r1",
                method: method,
                route: "/v1/sessions/{name}",
                path: "/v1/sessions/a",
                status: status,
                responseBytes: 5,
                durationNanoseconds: 7000,
                peer: Peer(address: "127.0.0.1", port: 5),
                principal: principal
            )
        )
        #expect(lines.lines.withLock { $0.count } == 1)
        return try #require(lines.lines.withLock { $0.first })
    }

    @Test(arguments: [HTTPRequest.Method.post, .put, .patch, .delete, .init("PURGE")!])
    func everyWriteLeavesAnAuditLineAlsoWhenItIsRefused(method: HTTPRequest.Method) throws {
        for status in [201, 401, 403, 409, 503] {
            let line = try line(method, status: status)
            #expect(line.level == .notice && line.message == "audit")
            let said = line.metadata.mapValues(\.description)
            #expect(
                said == [
                    "requestId": "r1", "method": method.rawValue, "path": "/v1/sessions/a",
                    "route": "/v1/sessions/{name}", "status": "\(status)", "bytes": "5",
                    "microseconds": "7", "peer": "127.0.0.1:5", "principal": "ci",
                ]
            )
        }
    }

    @Test func whoIsNotKnownHasNoName() throws {
        #expect(try line(.post, status: 401, principal: nil).metadata["principal"] == nil)
    }

    @Test func readsAreQuietUnlessTheyAreRefused() throws {
        #expect(try line(.get, status: 200).level == .debug)
        #expect(try line(.head, status: 404).level == .debug)
        #expect(try line(.get, status: 401).level == .info)
        #expect(try line(.get, status: 403).message == "request")
    }
}
