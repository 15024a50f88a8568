import HTTPHosting
import HTTPTypes
import Logging

/// A line for every request that is over: `audit` for what may have changed something, also where
/// it was refused; never a body, a query or a secret.
struct AccessLog: Sendable {
    private let logger: Logger

    init(_ logger: Logger) { self.logger = logger }

    func record(_ record: RequestRecord) {
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
        if Self.isWrite(record.method) {
            logger.notice("audit", metadata: metadata)
        } else {
            let isRefused = record.status == 401 || record.status == 403
            logger.log(level: isRefused ? .info : .debug, "request", metadata: metadata)
        }
    }

    private static func isWrite(_ method: HTTPRequest.Method) -> Bool {
        switch method {
        case .get, .head, .options, .trace: false
        default: true
        }
    }
}
