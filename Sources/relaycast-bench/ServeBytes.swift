import ArgumentParser
import CBenchReference
import Glibc

/// The API's reference: a bare libmicrohttpd server that returns the same bytes to everyone.
struct ServeBytes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer every request with the standard input, by libmicrohttpd alone."
    )

    @Option(help: "The port of 127.0.0.1 to listen on.")
    var port: UInt16

    @Option(help: "A header line of the answer; may be repeated.")
    var header: [String] = []

    func run() throws {
        let body = standardInput()
        let lines = header.map { $0 + "\n" }.joined()
        // Safe because the library is done with the bytes when the call returns.
        let result = unsafe body.withUnsafeBufferPointer { bytes in
            unsafe bench_serve(port, lines, bytes.baseAddress, bytes.count)
        }
        try check(result, "serve")
    }

    private func standardInput() -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            // Safe because read(2) writes no more than it is told the chunk has room for.
            let count = unsafe read(STDIN_FILENO, &chunk, chunk.count)
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
        }
    }
}
