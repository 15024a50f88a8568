import CRelaySocket
import RelayModel

extension IPAddress {
    /// nil where C has no address.
    @inline(__always)
    init?(_ endpoint: relay_endpoint) {
        switch endpoint.family {
        case 4: self.init(ipv4: UInt32(truncatingIfNeeded: endpoint.low))
        case 6: self.init(ipv6High: endpoint.high, low: endpoint.low)
        default: return nil
        }
    }
}

extension Endpoint {
    /// nil where C has no address.
    @inline(__always)
    init?(_ endpoint: relay_endpoint) {
        guard let address = IPAddress(endpoint) else { return nil }
        self.init(address, port: endpoint.port, scopeID: endpoint.scope_id)
    }
}

extension relay_endpoint {
    @inline(__always)
    init(_ endpoint: Endpoint) {
        self.init(endpoint.address, port: endpoint.port, scopeID: endpoint.scopeID)
    }

    @inline(__always)
    init(_ address: IPAddress, port: UInt16 = 0, scopeID: UInt32 = 0) {
        self.init(
            high: address.high,
            low: address.low,
            scope_id: scopeID,
            port: port,
            family: address.family.rawValue
        )
    }

    /// No address: the kernel's choice.
    static var none: relay_endpoint { relay_endpoint() }
}
