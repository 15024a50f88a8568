import ArgumentParser
import Glibc

/// Throws the sentence for a negative errno that a reference program returned.
func check(_ result: Int32, _ operation: String) throws {
    guard result < 0 else { return }
    // Safe because strerror's text is copied before anything else can be called.
    let reason = unsafe String(cString: strerror(-result))
    throw ValidationError("\(operation): \(reason)")
}
