import RelayModel

/// Which datagrams come from sockets of this daemon, and which from other relays.
final class OwnSockets {
    /// Whose datagrams come from a port.
    enum Use {
        /// Relayed ones only, and no other program has the port: what comes from it would circle.
        case relaying
        /// Relayed ones and others, or other programs have the port too.
        case shared
    }

    /// A bit for each port.
    private let relaying = FixedBuffer<UInt64>(repeating: 0, count: 1024)
    private let shared = FixedBuffer<UInt64>(repeating: 0, count: 1024)
    /// Sockets by port, relaying and shared ones.
    private var counts: [UInt16: (relaying: Int, shared: Int)] = [:]
    private var addresses: Set<IPAddress> = []
    /// Other relays between the same networks, as the operator says.
    private var relays: Set<IPAddress> = []
    private var hasRelays = false
    /// Changes whenever `hasRelayed` may answer otherwise.
    private(set) var generation = 0

    /// The addresses of this host, from now on.
    func setAddresses(_ addresses: Set<IPAddress>) {
        self.addresses = addresses
        generation += 1
    }

    /// Where other relays send from, from now on.
    func setRelays(_ relays: Set<IPAddress>) {
        self.relays = relays
        hasRelays = !relays.isEmpty
        generation += 1
    }

    /// A socket of this daemon sends from this port from now on, or no longer.
    func add(_ port: UInt16, _ use: Use) { change(port, use, by: 1) }

    func remove(_ port: UInt16, _ use: Use) { change(port, use, by: -1) }

    private func change(_ port: UInt16, _ use: Use, by amount: Int) {
        var count = counts[port] ?? (0, 0)
        switch use {
        case .relaying: count.relaying += amount
        case .shared: count.shared += amount
        }
        counts[port] = count == (0, 0) ? nil : count
        set(shared, port, count.shared > 0)
        set(relaying, port, count.relaying > 0 && count.shared == 0)
        generation += 1
    }

    private func set(_ ports: borrowing FixedBuffer<UInt64>, _ port: UInt16, _ isTaken: Bool) {
        let bit: UInt64 = 1 &<< UInt64(port & 63)
        let word = ports[Int(port >> 6)]
        ports[Int(port >> 6)] = isTaken ? word | bit : word & ~bit
    }

    /// Whether it was relayed: by this daemon, by a socket that does nothing else, or by a relay
    /// that the operator names, which sends to groups and broadcast addresses what it relays.
    @inline(__always)
    func hasRelayed(_ datagram: ReceivedDatagram) -> Bool {
        if contains(relaying, datagram.sourcePort) && isSource(datagram.sourceAddress) {
            return true
        }
        return hasRelays && !datagram.isUnicast
            && relays.contains(datagram.sourceAddress)
    }

    /// Whether it may come from a socket of this daemon that also sends what is new.
    @inline(__always)
    func mayHaveSent(_ datagram: ReceivedDatagram) -> Bool {
        contains(shared, datagram.sourcePort) && isSource(datagram.sourceAddress)
    }

    /// Whether an address is one of this host, which has all of 127.0.0.0/8.
    func isOwn(_ address: IPAddress) -> Bool {
        addresses.contains(address) || address.isLoopback
    }

    /// Whether a socket that only relays sends from here. For tests.
    func hasRelayed(from source: Endpoint) -> Bool {
        contains(relaying, source.port) && isSource(source.address)
    }

    /// Whether this host sends from an address: one of its own, or 0.0.0.0, which the kernel takes for
    /// groups where there is none beside 127.0.0.1. Another host has it only until DHCP gives it an
    /// address, and sends from port 68 then (RFC 2131).
    private func isSource(_ address: IPAddress) -> Bool {
        addresses.contains(address) || address.isUnspecified
    }

    @inline(__always)
    private func contains(_ ports: borrowing FixedBuffer<UInt64>, _ port: UInt16) -> Bool {
        ports[Int(port >> 6)] & (1 &<< UInt64(port & 63)) != 0
    }
}
