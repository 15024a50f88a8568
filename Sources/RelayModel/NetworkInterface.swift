/// A network interface of this host, as netdevice(7) and getifaddrs(3) describe it.
package struct NetworkInterface: Hashable, Sendable {
    package struct Address: Hashable, Sendable {
        package let address: IPAddress
        package let prefixLength: Int
        /// The directed broadcast address of an IPv4 network that has one.
        package let broadcast: IPAddress?

        package init(address: IPAddress, prefixLength: Int, broadcast: IPAddress?) {
            self.address = address
            self.prefixLength = prefixLength
            self.broadcast = broadcast
        }
    }

    /// Interface flags that JSON lists, in lower case, as ip-link(8) shows them.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32

        package init(rawValue: UInt32) { self.rawValue = rawValue }

        package static let up = Flags(rawValue: 0x1)
        package static let broadcast = Flags(rawValue: 0x2)
        package static let loopback = Flags(rawValue: 0x8)
        package static let pointToPoint = Flags(rawValue: 0x10)
        /// IFF_RUNNING: operational, which for a wired link means that it has a carrier.
        package static let running = Flags(rawValue: 0x40)
        package static let noARP = Flags(rawValue: 0x80)
        package static let promiscuous = Flags(rawValue: 0x100)
        package static let allMulticast = Flags(rawValue: 0x200)
        package static let multicast = Flags(rawValue: 0x1000)
    }

    package let name: String
    package let index: Int32
    package let flags: Flags
    /// Bytes; nil when the kernel would not say.
    package let mtu: Int?
    package let addresses: [Address]

    package init(name: String, index: Int32, flags: Flags, mtu: Int?, addresses: [Address]) {
        self.name = name
        self.index = index
        self.flags = flags
        self.mtu = mtu
        self.addresses = addresses
    }

    /// The first address of the family, global before link-local.
    package func address(of family: IPAddress.Family) -> IPAddress? {
        let ofFamily = addresses.lazy.map(\.address).filter { $0.family == family }
        return ofFamily.first { !$0.needsInterface } ?? ofFamily.first
    }
}
