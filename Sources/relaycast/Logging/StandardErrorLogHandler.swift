import Foundation
import Logging

/// Writes each event of the log as one line to standard error.
struct StandardErrorLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let format: LogFormat

    /// A handler that lets events of `level` and above through.
    init(level: Logger.Level, format: LogFormat) {
        logLevel = level
        self.format = format
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
        StandardError.write(line.rendered(as: format))
    }
}
