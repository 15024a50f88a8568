import Glibc

/// Tells whoever started this program that it is ready.
func announce() {
    write("{\"listening\":true}")
}

/// Prints a JSON object, whose values are JSON already, on a line of its own.
func report(_ members: [(String, String)]) {
    write("{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}")
}

private func write(_ line: String) {
    // Safe because puts copies the text before it returns.
    unsafe puts(line)
    fflush(nil)
}
