import CRelaySocket
import Glibc

/// A system call that the kernel refused.
package struct SystemCallError: Error, Hashable, Sendable {
    /// The call, like `bind`.
    package let operation: String
    /// The positive error number (errno(3)).
    package let number: Int32

    package init(_ operation: String, _ number: Int32) {
        self.operation = operation
        self.number = number
    }

    /// The symbolic name, like `EADDRINUSE`.
    package var name: String { Self.name(of: number) }

    package static func name(of number: Int32) -> String {
        // Safe because the name is a constant string of libc.
        unsafe String(cString: relay_errno_name(number))
    }

    /// Whether a send may have been refused because this host no longer has the source address that
    /// IP_PKTINFO or IPV6_PKTINFO names (ip(7), ipv6(7)).
    static func isOfSource(_ number: Int32) -> Bool {
        number == EINVAL || number == EADDRNOTAVAIL || number == ENETUNREACH
    }

    /// Returns the result of a call, or throws when it is negative.
    @discardableResult
    static func check(
        _ operation: @autoclosure () -> String,
        _ result: Int32
    ) throws(SystemCallError) -> Int32 {
        guard result < 0 else { return result }
        throw SystemCallError(operation(), -result)
    }
}
