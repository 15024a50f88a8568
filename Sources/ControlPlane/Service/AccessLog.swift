import HTTPHosting
import Logging

/// A line for every request that is over: writes at info, reads at debug; never a body or a query.
struct AccessLog: Sendable {
    private let logger: Logger

    init(_ logger: Logger) { self.logger = logger }

    func record(_ record: RequestRecord) {
        let isRead = record.method == .get || record.method == .head
        logger.log(
            level: isRead ? .debug : .info,
            "request",
            metadata: [
                "requestId": "\(record.id)",
                "method": "\(record.method.rawValue)",
                "path": "\(record.path)",
                "status": "\(record.status.map(String.init) ?? "none")",
                "bytes": "\(record.responseBytes)",
                "microseconds": "\(record.durationNanoseconds / 1000)",
                "peer": "\(record.peer)",
            ]
        )
    }
}
