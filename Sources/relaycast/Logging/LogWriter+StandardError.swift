import Foundation

extension LogWriter {
    /// A writer to standard error that says in the format of the log how many lines were dropped.
    static func standardError(format: LogFormat) -> LogWriter {
        let buffer = LineBuffer { dropped in
            LogLine(
                time: Date(),
                level: .warning,
                message: "log lines dropped, as standard error was not read in time",
                metadata: ["dropped": "\(dropped)"]
            )
            .rendered(as: format)
        }
        return LogWriter(buffer, write: StandardError.write)
    }
}
