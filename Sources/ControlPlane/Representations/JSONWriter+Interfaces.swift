import HTTPHosting
import RelayModel

extension JSONWriter {
    /// A network interface.
    mutating func interface(_ interface: NetworkInterface) {
        beginObject()
        member("name", interface.name)
        member("index", interface.index)
        if let mtu = interface.mtu { member("mtu", mtu) }
        flags(interface.flags)
        member("up", interface.flags.contains(.up))
        member("carrier", interface.flags.contains(.running))
        member("multicast", interface.flags.contains(.multicast))
        member("broadcast", interface.flags.contains(.broadcast))
        member("loopback", interface.flags.contains(.loopback))
        member("ipv6", interface.hasIPv6)
        key("addresses")
        beginArray()
        for address in interface.addresses {
            beginObject()
            member("address", address.address.description)
            member("prefixLength", address.prefixLength)
            if let broadcast = address.broadcast { member("broadcast", broadcast.description) }
            flags(of: address)
            endObject()
        }
        endArray()
        endObject()
    }

    /// The state of an IPv6 address; left out where there is nothing to say.
    private mutating func flags(of address: NetworkInterface.Address) {
        let names: [(NetworkInterface.AddressFlags, String)] = [
            (.temporary, "temporary"), (.optimistic, "optimistic"), (.duplicate, "duplicate"),
            (.deprecated, "deprecated"), (.tentative, "tentative"),
        ]
        let known = names.filter { address.flags.contains($0.0) }
        if address.address.family == .ipv4 || known.isEmpty { return }
        key("flags")
        beginArray()
        for (_, name) in known { value(name) }
        endArray()
    }

    private mutating func flags(_ flags: NetworkInterface.Flags) {
        let names: [(NetworkInterface.Flags, String)] = [
            (.up, "up"), (.broadcast, "broadcast"), (.loopback, "loopback"),
            (.pointToPoint, "pointopoint"), (.running, "running"), (.noARP, "noarp"),
            (.promiscuous, "promisc"), (.allMulticast, "allmulti"), (.multicast, "multicast"),
        ]
        key("flags")
        beginArray()
        for (flag, name) in names where flags.contains(flag) { value(name) }
        endArray()
    }
}
