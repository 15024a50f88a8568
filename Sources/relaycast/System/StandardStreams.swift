import Foundation

/// Standard output; what cannot be written is lost, as with a closed terminal.
enum StandardOutput {
    /// Writes the text with one system call.
    static func write(_ text: String) {
        try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    }
}

/// Standard error; what cannot be written is lost, as with a closed terminal.
enum StandardError {
    /// Writes the text with one system call, so that lines of several threads do not mix.
    static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
