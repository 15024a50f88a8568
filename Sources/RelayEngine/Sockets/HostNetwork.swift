import CRelaySocket
import Glibc
import RelayModel

/// What this host says about its clock, interfaces and routes.
package enum HostNetwork {
    /// CLOCK_REALTIME (clock_gettime(2)).
    package static func now() -> Timestamp {
        Timestamp(nanoseconds: relay_realtime_nanoseconds())
    }

    /// Nanoseconds of CLOCK_MONOTONIC: for intervals and deadlines.
    package static func monotonicNanoseconds() -> Int64 { relay_monotonic_nanoseconds() }

    /// Lets the waits of the calling thread end on time (PR_SET_TIMERSLACK, prctl(2)); the default
    /// lets them last 50 microseconds longer.
    static func waitExactly() { relay_wait_exactly() }

    /// Whether the daemon has a capability now, in its effective set (capget(2)).
    package static func has(_ capability: HostCapability) -> Bool {
        relay_effective_capabilities() >> UInt64(capability.number) & 1 != 0
    }

    /// How many descriptors this process may have (soft RLIMIT_NOFILE, getrlimit(2)).
    package static var descriptorLimit: Int { Int(clamping: relay_descriptor_limit()) }

    /// How many UDP sockets of this host have a port of a family, besides these descriptors; nil where
    /// the kernel does not tell.
    static func portHolders(
        _ port: UInt16,
        _ family: IPAddress.Family,
        besides descriptors: [Int32]
    ) -> Int? {
        // Safe because the call reads `count` elements of the array.
        let count = unsafe descriptors.withUnsafeBufferPointer { buffer in
            unsafe relay_count_port_holders(
                Int32(family.rawValue),
                port,
                buffer.baseAddress,
                Int32(buffer.count)
            )
        }
        return count < 0 ? nil : Int(count)
    }

    /// What the kernel's routing table says of a destination.
    struct Route {
        let interfaceIndex: Int32
        /// Where datagrams would leave by; nil where no address can be chosen.
        let source: IPAddress?
        /// Whether datagrams are delivered on this host (RTN_LOCAL).
        let isLocal: Bool
    }

    /// The route to a destination by any interface (index 0), or by one.
    ///
    /// Throws ENETUNREACH where there is none (rtnetlink(7), RTM_GETROUTE).
    static func route(
        to destination: IPAddress,
        by interfaceIndex: Int32 = 0
    ) throws(SystemCallError) -> Route {
        var source = relay_endpoint()
        var isLocal: Int32 = 0
        // Safe because the call only writes the locals.
        let result = unsafe relay_route(
            relay_endpoint(destination),
            interfaceIndex,
            &source,
            &isLocal
        )
        let index = try SystemCallError.check("route", result)
        return Route(interfaceIndex: index, source: IPAddress(source), isLocal: isLocal != 0)
    }

    /// The index of the interface that the kernel's routing table names for a destination.
    ///
    /// Throws ENETUNREACH where there is no route (rtnetlink(7), RTM_GETROUTE).
    package static func routeInterface(to destination: IPAddress) throws(SystemCallError) -> Int32 {
        try route(to: destination).interfaceIndex
    }

    /// All interfaces in the order of their indexes (rtnetlink(7), RTM_GETLINK and RTM_GETADDR).
    package static func interfaces() throws(SystemCallError) -> [NetworkInterface] {
        var entries: [relay_interface_entry] = []
        var needed = 64
        while entries.count < needed {
            entries = Array(repeating: relay_interface_entry(), count: needed + 16)
            // Safe because the call writes at most `capacity` entries of the array.
            let count = unsafe entries.withUnsafeMutableBufferPointer { buffer in
                unsafe relay_list_interfaces(buffer.baseAddress, Int32(buffer.count))
            }
            needed = Int(try SystemCallError.check("rtnetlink", count))
        }
        return group(entries[..<needed])
    }

    /// The name of an interface (if_indextoname(3)); nil when it has gone.
    package static func interfaceName(_ index: Int32) -> String? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(IF_NAMESIZE)) { name in
            // Safe because the call writes at most IF_NAMESIZE bytes, zero included.
            guard let base = name.baseAddress,
                unsafe if_indextoname(UInt32(bitPattern: index), base) != nil
            else { return nil }
            return unsafe String(cString: base)
        }
    }

    private static func group(_ entries: ArraySlice<relay_interface_entry>) -> [NetworkInterface] {
        let byIndex = Dictionary(grouping: entries.filter { $0.index > 0 }, by: \.index)
        return byIndex.keys.sorted().compactMap { index in
            guard let entries = byIndex[index], let first = entries.first else { return nil }
            return NetworkInterface(
                name: name(of: first),
                index: index,
                flags: NetworkInterface.Flags(rawValue: first.flags),
                mtu: first.mtu < 0 ? nil : Int(first.mtu),
                hasIPv6: first.has_ipv6 != 0,
                addresses: entries.compactMap(address(of:))
            )
        }
    }

    private static func name(of entry: relay_interface_entry) -> String {
        var name = entry.name
        // Safe because the name is a zero-terminated array inside the local copy.
        return unsafe withUnsafeBytes(of: &name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    private static func address(of entry: relay_interface_entry) -> NetworkInterface.Address? {
        guard let address = IPAddress(entry.address) else { return nil }
        return NetworkInterface.Address(
            address: address,
            prefixLength: Int(entry.prefix_length),
            broadcast: IPAddress(entry.broadcast) ?? broadcastOfRoute(address, entry),
            peer: IPAddress(entry.peer),
            flags: NetworkInterface.AddressFlags(rawValue: entry.address_flags)
        )
    }

    /// The broadcast address of a network that was given none: the kernel has the route for it of any
    /// network of more than two addresses (`fib_add_ifaddr`).
    private static func broadcastOfRoute(
        _ address: IPAddress,
        _ entry: relay_interface_entry
    ) -> IPAddress? {
        let flags = NetworkInterface.Flags(rawValue: entry.flags)
        guard address.family == .ipv4, entry.prefix_length <= 30, entry.peer.family == 0,
            flags.contains(.broadcast)
        else { return nil }
        let host = UInt64(UInt32.max) >> UInt64(max(entry.prefix_length, 0))
        return IPAddress(ipv4: UInt32(truncatingIfNeeded: address.low | host))
    }
}
