import Foundation
import Testing

/// A certificate of its own authority and its key, made by openssl(1), deleted with the value.
final class TestCertificate {
    let certificate: String
    let key: String
    private let folder = NSTemporaryDirectory() + "relaycast-tls-" + UUID().uuidString

    init() throws {
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: false
        )
        certificate = folder + "/certificate.pem"
        key = folder + "/key.pem"
        let command =
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 "
            + "-subj /CN=localhost -keyout \(key) -out \(certificate) 2>/dev/null"
        // Safe because the string is valid during the call. Not Process, whose `run` leaks.
        try #require(unsafe system(command) == 0)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The settings that name both.
    var settings: [String: [String]] { ["tlsCertificate": [certificate], "tlsKey": [key]] }
}
