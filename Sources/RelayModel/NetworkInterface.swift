/// A network interface of this host, as netdevice(7) and rtnetlink(7) describe it.
package struct NetworkInterface: Hashable, Sendable {
    package struct Address: Hashable, Sendable {
        package let address: IPAddress
        package let prefixLength: Int
        /// The directed broadcast address of an IPv4 network that has one.
        package let broadcast: IPAddress?
        /// The other end of a link with two, whose network this then is (ip-address(8), peer).
        package let peer: IPAddress?
        package let flags: AddressFlags

        package init(
            address: IPAddress,
            prefixLength: Int,
            broadcast: IPAddress?,
            peer: IPAddress? = nil,
            flags: AddressFlags = []
        ) {
            self.address = address
            self.prefixLength = prefixLength
            self.broadcast = broadcast
            self.peer = peer
            self.flags = flags
        }

        /// Those that are on-link by it.
        package var network: CIDRBlock? {
            CIDRBlock(peer ?? address, prefixLength: prefixLength)
        }

        /// Whether datagrams can leave by it: duplicate address detection (RFC 4862, 5.4) is over,
        /// and has found no other host with it.
        package var isUsable: Bool {
            !flags.contains(.duplicate)
                && (!flags.contains(.tentative) || flags.contains(.optimistic))
        }
    }

    /// The state of an address (IFA_F_…, rtnetlink(7)).
    package struct AddressFlags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32

        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Of IPv6, a temporary address (RFC 8981); of IPv4, a secondary one.
        package static let temporary = AddressFlags(rawValue: 0x01)
        /// Used although duplicate address detection goes on (RFC 4429).
        package static let optimistic = AddressFlags(rawValue: 0x04)
        /// Another host has it.
        package static let duplicate = AddressFlags(rawValue: 0x08)
        /// Chosen only where the interface has no other address (RFC 4862, 5.5.4).
        package static let deprecated = AddressFlags(rawValue: 0x20)
        /// Duplicate address detection goes on, or has failed.
        package static let tentative = AddressFlags(rawValue: 0x40)
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
    /// Whether IPv6 is switched on: the kernel has it for this interface, and `disable_ipv6` is 0.
    package let hasIPv6: Bool
    package let addresses: [Address]

    package init(
        name: String,
        index: Int32,
        flags: Flags,
        mtu: Int?,
        hasIPv6: Bool = true,
        addresses: [Address]
    ) {
        self.name = name
        self.index = index
        self.flags = flags
        self.mtu = mtu
        self.hasIPv6 = hasIPv6
        self.addresses = addresses
    }

    /// The first address of the family that can be sent from: those that are not deprecated before
    /// those that are, then global before link-local. Where none can be sent from, the first.
    package func address(of family: IPAddress.Family) -> IPAddress? {
        let ofFamily = addresses.filter { $0.address.family == family }
        let usable = ofFamily.filter(\.isUsable)
        let preferred = usable.filter { !$0.flags.contains(.deprecated) }
        for candidates in [preferred, usable, ofFamily] where !candidates.isEmpty {
            let global = candidates.first { !$0.address.needsInterface }
            return (global ?? candidates[0]).address
        }
        return nil
    }

    /// The network of the interface whose directed broadcast address this is, or whose network
    /// address, the old spelling of it (RFC 1122, 3.3.6); nil = there is none.
    package func network(ofBroadcast address: IPAddress) -> CIDRBlock? {
        for entry in addresses where entry.address.family == .ipv4 && entry.prefixLength <= 30 {
            guard let network = entry.network else { continue }
            let bits = UInt64(UInt32.max) >> UInt64(entry.prefixLength)
            let isNetworkAddress = network.contains(address) && address.low & bits == 0
            if entry.broadcast == address || isNetworkAddress { return network }
        }
        return nil
    }

    /// The entry of the address that a selector names, while the interface has it.
    package func entry(named selector: InterfaceSelector?) -> Address? {
        guard case .address(let address)? = selector else { return nil }
        return addresses.first { $0.address == address }
    }
}
