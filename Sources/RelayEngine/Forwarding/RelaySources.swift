import RelayModel

/// Which datagrams come from forward targets of this daemon: relayed again, they would circle.
final class RelaySources {
    /// A bit for each port that a target's socket has from the kernel.
    private let ports = FixedBuffer<UInt64>(repeating: 0, count: 1024)
    private var counts: [UInt16: Int] = [:]
    private var addresses: Set<IPAddress> = []

    /// The addresses of this host, from now on.
    func setAddresses(_ addresses: Set<IPAddress>) { self.addresses = addresses }

    /// The target's socket sends from now on, or no longer. A port that the operator chose is
    /// shared with other programs, whose datagrams are not ours.
    func add(_ target: RelayTarget) {
        if let port = Self.port(of: target) { add(port: port) }
    }

    func remove(_ target: RelayTarget) {
        if let port = Self.port(of: target) { remove(port: port) }
    }

    /// A socket of this daemon sends from this port from now on, or no longer.
    func add(port: UInt16) {
        counts[port, default: 0] += 1
        ports[Int(port >> 6)] |= 1 &<< UInt64(port & 63)
    }

    func remove(port: UInt16) {
        guard let count = counts[port] else { return }
        counts[port] = count > 1 ? count - 1 : nil
        if count == 1 { ports[Int(port >> 6)] &= ~(1 &<< UInt64(port & 63)) }
    }

    private static func port(of target: RelayTarget) -> UInt16? {
        guard case .endpoint(let endpoint) = target.definition.destination,
            endpoint.localPort == 0
        else { return nil }
        return target.egress?.socket.localEndpoint.port
    }

    /// Whether a forward target of this daemon sent it.
    @inline(__always)
    func contains(_ datagram: ReceivedDatagram) -> Bool {
        isTaken(datagram.sourcePort) && addresses.contains(datagram.sourceAddress)
    }

    /// Whether a forward target of this daemon sends from here.
    func contains(_ source: Endpoint) -> Bool {
        isTaken(source.port) && addresses.contains(source.address)
    }

    @inline(__always)
    private func isTaken(_ port: UInt16) -> Bool {
        ports[Int(port >> 6)] & (1 &<< UInt64(port & 63)) != 0
    }
}
