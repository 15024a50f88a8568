import ArgumentParser
import Glibc

/// A system call of a reference program that failed.
struct Failure: Error, CustomStringConvertible {
    /// What was tried, and the kernel's sentence.
    let description: String
}

/// Throws the sentence for a negative errno that a reference program returned.
func check(_ result: Int32, _ operation: String) throws {
    guard result < 0 else { return }
    // Safe because strerror's text is copied before anything else can be called.
    let reason = unsafe String(cString: strerror(-result))
    throw Failure(description: "\(operation): \(reason)")
}

/// The errno of the call before.
func lastError() -> Int32 {
    errno
}
