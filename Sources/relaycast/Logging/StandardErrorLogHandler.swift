import Foundation
import Logging

/// Hands each event of the log as one line to the writer of standard error; never blocks.
struct StandardErrorLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let format: LogFormat
    private let writer: LogWriter

    /// A handler that lets events of `level` and above through.
    init(level: Logger.Level, format: LogFormat, writer: LogWriter) {
        logLevel = level
        self.format = format
        self.writer = writer
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadataProvider?.get() ?? [:]
        all.merge(metadata) { _, own in own }
        all.merge(event.metadata ?? [:]) { _, own in own }
        if let error = event.error {
            all["error"] = "\(error)"
        }
        let line = LogLine(
            time: Date(),
            level: event.level,
            message: event.message.description,
            metadata: all
        )
        writer.append(line.rendered(as: format))
    }
}
