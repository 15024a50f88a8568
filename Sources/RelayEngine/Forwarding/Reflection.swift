import RelayModel

/// Which datagrams a target would send back to the link that they came in by, and to those who have
/// heard them there already.
///
/// Links are compared, not spellings: on one link and port 255.255.255.255 and a directed broadcast
/// address reach the same hosts. Who was not reached there yet is sent to: another group, another
/// port, the broadcast address of another network of the link, and a group after a broadcast.
struct Reflection {
    /// Whom a broadcast reaches on its link.
    enum Audience: Hashable, Sendable {
        /// Every host: 255.255.255.255 (RFC 919).
        case link
        /// The hosts of a network (RFC 922). Indirect, as most targets are none of these.
        indirect case network(CIDRBlock)

        /// nil where the address is none of the interface's broadcast addresses.
        init?(ofBroadcast address: IPAddress, by interface: NetworkInterface) {
            if address == .limitedBroadcast {
                self = .link
            } else if let network = interface.network(ofBroadcast: address) {
                self = .network(network)
            } else {
                return nil
            }
        }

        /// Whether a broadcast to this address reaches hosts of this audience.
        fileprivate func overlaps(_ address: IPAddress) -> Bool {
            switch self {
            case .link: true
            case .network(let network): address == .limitedBroadcast || network.contains(address)
            }
        }
    }

    private let destination: IPAddress
    private let audience: Audience?
    private let interfaceIndex: Int32

    /// nil where the target sends to another port than the session receives on.
    init?(
        _ destination: Endpoint,
        audience: Audience?,
        by interfaceIndex: Int32,
        ofPort port: UInt16
    ) {
        if destination.port != port { return nil }
        self.destination = destination.address
        self.audience = audience
        self.interfaceIndex = interfaceIndex
    }

    func holds(for datagram: ReceivedDatagram) -> Bool {
        guard datagram.interfaceIndex == interfaceIndex, let address = datagram.destination else {
            return false
        }
        if address == destination { return true }
        return datagram.destinationClass == .broadcast && audience?.overlaps(address) == true
    }
}
