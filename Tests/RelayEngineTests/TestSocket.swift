import CRelaySocket
import Glibc
import RelayModel
import Synchronization

@testable import RelayEngine

/// A blocking UDP socket outside the engine: what the sessions talk to.
final class TestSocket: Sendable {
    struct Received {
        let payload: [UInt8]
        let source: Endpoint
    }

    private let number: Int32
    let endpoint: Endpoint
    var port: UInt16 { endpoint.port }

    /// Port 0 = chosen by the kernel; a shared port can be bound by others too.
    init(
        _ local: IPAddress = loopbackIPv4,
        port: UInt16 = 0,
        sharesPort: Bool = false
    ) throws {
        let family = Int32(local.family.rawValue)
        number = relay_socket_open(family)
        guard number >= 0 else { throw TestFailure("socket: \(-number)") }
        if sharesPort { _ = relay_share_port(number) }
        _ = relay_set_receive_buffer(number, 4 * 1_048_576)
        _ = relay_set_multicast_interface(number, family, 1)
        var bound = relay_endpoint()
        let result = relay_bind(number, relay_endpoint(local, port: port))
        // Safe because the call writes the local only.
        let named = unsafe relay_local_endpoint(number, &bound)
        guard result == 0, named == 0, let endpoint = Endpoint(bound) else {
            relay_close(number)
            throw TestFailure("bind \(local):\(port): \(-result)")
        }
        self.endpoint = endpoint
    }

    deinit { relay_close(number) }

    func setTTL(_ ttl: Int) {
        _ = relay_set_ttl(number, Int32(endpoint.address.family.rawValue), Int32(ttl))
    }

    func allowBroadcast() { _ = relay_allow_broadcast(number) }

    /// Whether the datagram left.
    @discardableResult
    func send(_ payload: [UInt8], to address: IPAddress, _ port: UInt16) -> Bool {
        // Safe because the payload outlives the call.
        var outgoing = unsafe relay_outgoing()
        unsafe outgoing.destination = relay_endpoint(address, port: port)
        unsafe outgoing.length = UInt32(payload.count)
        return unsafe payload.withUnsafeBufferPointer { bytes in
            unsafe outgoing.bytes = bytes.baseAddress
            return unsafe relay_send(number, &outgoing, 1) == 1
        }
    }

    /// Waits for a datagram; nil when none comes in time.
    func receive(withinMilliseconds limit: Int32 = 10_000) -> Received? {
        var waiting = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        var payload = [UInt8](repeating: 0, count: 65_536)
        var storage = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        // Safe because buffer and address are as large as the calls are told.
        guard unsafe poll(&waiting, 1, limit) == 1 else { return nil }
        let count = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe recvfrom(number, &payload, payload.count, 0, address, &length)
            }
        }
        guard count >= 0 else { return nil }
        return Received(payload: Array(payload[..<count]), source: Self.endpoint(storage))
    }

    private static func endpoint(_ storage: sockaddr_in6) -> Endpoint {
        let port = UInt16(bigEndian: storage.sin6_port)
        if storage.sin6_family == UInt16(AF_INET) {
            return Endpoint(IPAddress(ipv4: UInt32(bigEndian: storage.sin6_flowinfo)), port: port)
        }
        return Endpoint(loopbackIPv6, port: port)
    }
}

/// A port that is free now, and that the kernel gives to nobody by itself: tests run in parallel,
/// and what it gave once (ip_local_port_range, 32768 and above) it gives again.
func freePort(_ family: IPAddress.Family = .ipv4) throws -> UInt16 {
    for _ in 0..<1000 {
        let port = UInt16(10_000 + nextPort.wrappingAdd(1, ordering: .relaxed).oldValue % 11_000)
        if (try? TestSocket(.unspecified(family), port: port)) != nil { return port }
    }
    throw SystemCallError("bind", EADDRINUSE)
}

private let nextPort = Atomic<UInt32>(UInt32.random(in: 0..<11_000))
