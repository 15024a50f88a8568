import ArgumentParser
import CBenchReference
import Glibc

/// The API's reference: a bare libmicrohttpd server that returns the same bytes to everyone.
struct ServeBytes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer every request with the same bytes, by libmicrohttpd alone."
    )

    @Option(help: "The port of 127.0.0.1 to listen on.")
    var port: UInt16

    @Option(help: "The file with the body; without it, it is the standard input.")
    var body: String?

    @Option(help: "A header line of the answer; may be repeated.")
    var header: [String] = []

    func run() throws {
        let descriptor = try body.map(openFile) ?? STDIN_FILENO
        let body = bytes(of: descriptor)
        let lines = header.map { $0 + "\n" }.joined()
        // Safe because the library is done with the bytes when the call returns.
        let result = unsafe body.withUnsafeBufferPointer { bytes in
            unsafe bench_serve(port, lines, bytes.baseAddress, bytes.count)
        }
        try check(result, "serve")
    }

    private func openFile(_ path: String) throws -> Int32 {
        // Safe because open(2) only reads the path.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        try check(descriptor < 0 ? -lastError() : 0, path)
        return descriptor
    }

    private func bytes(of descriptor: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            // Safe because read(2) writes no more than it is told the chunk has room for.
            let count = unsafe read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
        }
    }
}
