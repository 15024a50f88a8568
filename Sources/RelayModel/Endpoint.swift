/// An address and a UDP port: where a datagram comes from or goes to.
package struct Endpoint: Hashable, Sendable {
    package var address: IPAddress
    /// 0–65535; 0 only where no port is known or the sender wants no answer (RFC 768).
    package var port: UInt16
    /// The interface a link-local IPv6 address belongs to (`sin6_scope_id`, ipv6(7)); 0 = none.
    package var scopeID: UInt32

    @inlinable
    @inline(__always)
    package init(_ address: IPAddress, port: UInt16, scopeID: UInt32 = 0) {
        self.address = address
        self.port = port
        self.scopeID = scopeID
    }

    @inlinable
    @inline(__always)
    package static func == (left: Endpoint, right: Endpoint) -> Bool {
        left.port == right.port && left.address == right.address && left.scopeID == right.scopeID
    }
}

extension Endpoint: CustomStringConvertible {
    /// `192.0.2.1:5004` or `[2001:db8::1]:5004`.
    package var description: String {
        address.family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}
