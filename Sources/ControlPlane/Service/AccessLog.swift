import HTTPHosting
import HTTPTypes
import Logging

/// A line for every request that is over: `audit` for what may have changed something, also where
/// it was refused; never a body, a query or a secret.
struct AccessLog: Sendable {
    private let logger: Logger
    /// What the logger lets through, which never changes: asking it costs every request.
    private let leastLevel: Logger.Level

    init(_ logger: Logger) {
        self.logger = logger
        leastLevel = logger.logLevel
    }

    func record(_ record: RequestRecord) {
        let level = Self.level(of: record)
        // Before anything is rendered: reads are usually not logged, and there are many.
        guard level >= leastLevel else { return }
        var metadata: Logger.Metadata = [
            "requestId": "\(record.id)",
            "method": "\(record.method.rawValue)",
            "path": "\(record.path)",
            "status": "\(record.status.map(String.init) ?? "none")",
            "bytes": "\(record.responseBytes)",
            "microseconds": "\(record.durationNanoseconds / 1000)",
            "peer": "\(record.peer)",
        ]
        // Left out where nobody was known, so that no name can be taken for nobody.
        if let principal = record.principal { metadata["principal"] = "\(principal)" }
        if let subject = record.peer.clientCertificateSubject {
            metadata["certificate"] = "\(subject)"
        }
        if let route = record.route { metadata["route"] = "\(route)" }
        logger.log(
            level: level,
            Self.isWrite(record.method) ? "audit" : "request",
            metadata: metadata
        )
    }

    private static func level(of record: RequestRecord) -> Logger.Level {
        if isWrite(record.method) { return .notice }
        return record.status == 401 || record.status == 403 ? .info : .debug
    }

    private static func isWrite(_ method: HTTPRequest.Method) -> Bool {
        switch method {
        case .get, .head, .options, .trace: false
        default: true
        }
    }
}
