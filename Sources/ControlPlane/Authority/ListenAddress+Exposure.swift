import HTTPHosting
import RelayModel

extension ListenAddress {
    /// Whether only programs of this host can connect: a unix socket, 127.0.0.0/8 or ::1.
    package var isLocal: Bool {
        switch self {
        case .unix: true
        case .tcp(let address, _): IPAddress(address)?.isLoopback == true
        }
    }

    /// Whether a TCP address is an IP address, and not a name or something else.
    package var isLiteral: Bool {
        switch self {
        case .unix: false
        case .tcp(let address, _): IPAddress(address) != nil
        }
    }
}
