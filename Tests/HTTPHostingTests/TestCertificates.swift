import Glibc

@testable import HTTPHosting

/// Certificates that openssl(1) makes in a folder of their own.
final class TestCertificates: Sendable {
    /// Where they are: `NAME.crt` and `NAME.key`.
    let folder: String

    /// Made once for all tests: the authorities `ca` and `other`, and `server`, `second`, `rsa`,
    /// `expired`, `ada`, `stranger` (of `other`), `adaExpired` and `adaServes`.
    static let shared = Result {
        atexit { TestCertificates.remove() }
        return try TestCertificates()
    }

    private init() throws {
        var template = Array("/tmp/relaycast-tls-XXXXXX".utf8CString)
        // Safe because the template is writable and ends with a zero.
        guard unsafe mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
        folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        for name in ["ca", "other"] {
            try openssl(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \(name).key "
                    + "-out \(name).crt -days 2 -subj /CN=\(name)"
            )
        }
        let serves = "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost"
        let asks = "extendedKeyUsage=clientAuth"
        try issue("server", serves)
        try issue("second", serves, by: "other")
        try issue("rsa", serves, key: "rsa:2048")
        try issue("expired", serves, days: -1)
        try issue("ada", asks)
        try issue("stranger", asks, by: "other")
        try issue("adaExpired", asks, days: -1)
        try issue("adaServes", serves)
    }

    /// The bytes of a file in the folder.
    func bytes(_ file: String) throws -> [UInt8] {
        // Safe because the strings are valid during the call, and the buffer is as long as told.
        let descriptor = unsafe open("\(folder)/\(file)", O_RDONLY)
        guard descriptor >= 0 else { throw TestFailure("open: \(file)") }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe read(descriptor, buffer.baseAddress, buffer.count)
        }
        return Array(bytes.prefix(count))
    }

    /// A server's settings.
    func settings(_ name: String, clientsOf authority: String? = nil) throws -> TLSSettings {
        TLSSettings(
            certificateChain: try bytes("\(name).crt"),
            privateKey: try bytes("\(name).key"),
            clientAuthorities: try authority.map { try bytes("\($0).crt") }
        )
    }

    private static func remove() {
        guard case .success(let certificates) = shared else { return }
        // Safe because the string is valid during the call.
        _ = unsafe system("rm -r \(certificates.folder)")
    }

    private func issue(
        _ name: String,
        _ extensions: String,
        by authority: String = "ca",
        key: String = "ec -pkeyopt ec_paramgen_curve:P-256",
        days: Int = 2
    ) throws {
        try openssl(
            "req -newkey \(key) -nodes -keyout \(name).key -out \(name).csr "
                + "-subj '/O=Relay, Inc/CN=\(name)'"
        )
        try openssl(
            "x509 -req -in \(name).csr -CA \(authority).crt -CAkey \(authority).key "
                + "-CAcreateserial -days \(days) -out \(name).crt -extfile \(name).ext",
            before: "printf '\(extensions.replacing("\n", with: "\\n"))\\n' >\(name).ext && "
        )
    }

    private func openssl(_ arguments: String, before: String = "") throws {
        let command = "cd \(folder) && \(before)openssl \(arguments) 2>>log"
        // Safe because the string is valid during the call.
        guard unsafe system(command) == 0 else { throw TestFailure(command) }
    }
}
