import Glibc

/// A program that the operator has the daemon run.
///
/// Safe because stat(2) and access(2) only read the path, stat(2) only writes the one local structure
/// it is lent, and strerror(3)'s text is copied at once.
enum OperatorProgram {
    /// Why a program cannot be run, as the rest of a sentence that begins with its path; nil if it
    /// can.
    static func refusal(path: String) -> String? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            return "cannot be run: \(unsafe String(cString: strerror(errno)))"
        }
        guard status.st_mode & S_IFMT == S_IFREG else { return "is no regular file" }
        if status.st_mode & 0o022 != 0 {
            return "can be written by others than its owner: chmod go-w"
        }
        guard unsafe access(path, X_OK) == 0 else {
            return "cannot be run: \(unsafe String(cString: strerror(errno)))"
        }
        return nil
    }
}
