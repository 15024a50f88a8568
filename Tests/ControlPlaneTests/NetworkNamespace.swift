import Foundation
import Glibc

/// A network namespace of the calling thread's own (network_namespaces(7)), which threads inherit
/// from it: its loopback interface is down, and there is no route.
enum NetworkNamespace {
    /// Whether this process has CAP_SYS_ADMIN (bit 21, capabilities(7)) and CAP_SETUID (bit 7).
    static let canBeEntered: Bool = {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let digits = line?.split(whereSeparator: \.isWhitespace).last
        let capabilities = digits.flatMap { UInt64($0, radix: 16) } ?? 0
        return capabilities >> 21 & 1 == 1 && capabilities >> 7 & 1 == 1
    }()

    /// Moves the calling thread.
    static func enterNew() throws {
        // The C module shows neither unshare(2) nor its constants.
        typealias Unshare = @convention(c) (CInt) -> CInt
        let newNetwork: CInt = 0x4000_0000
        guard let symbol = unsafe dlsym(nil, "unshare") else { throw POSIXError(.ENOSYS) }
        // Safe because this is the type of unshare(2).
        guard unsafe unsafeBitCast(symbol, to: Unshare.self)(newNetwork) == 0 else {
            throw POSIXError(.EPERM)
        }
    }
}
