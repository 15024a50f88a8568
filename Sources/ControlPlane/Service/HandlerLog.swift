import Logging
import RelayEngine

/// A line for a run of a handler that failed, or wrote to standard error.
struct HandlerLog: Sendable {
    private let logger: Logger

    init(_ logger: Logger) { self.logger = logger }

    func note(_ note: HandlerNote) {
        var metadata: Logger.Metadata = [
            "handler": "\(note.handler)", "session": "\(note.session)", "peer": "\(note.peer)",
        ]
        if !note.errorLines.isEmpty {
            metadata["standardError"] = .array(note.errorLines.map { "\($0)" })
        }
        if note.omitted > 0 { metadata["omitted"] = "\(note.omitted)" }
        guard let failure = note.failure else {
            return logger.info("a handler wrote to standard error", metadata: metadata)
        }
        metadata["reason"] = "\(failure.word)"
        metadata["detail"] = "\(note.detail)"
        logger.warning("a handler failed", metadata: metadata)
    }
}
