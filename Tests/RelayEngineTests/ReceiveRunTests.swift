import CRelaySocket
import Glibc
import RelayModel
import Testing

@testable import RelayEngine

/// What a batch tells of datagrams that came as the one before them did.
@Suite struct ReceiveRunTests {
    @Test(arguments: [loopbackIPv4, loopbackIPv6])
    func datagramsOfOneOriginAreARun(address: IPAddress) throws {
        let (one, other) = (try TestSocket(address), try TestSocket(address))
        let batch = try received(at: address) { port in
            for socket in [one, one, other, one] { socket.send([1, 2], to: address, port) }
        }
        let ends = (0..<4).map { batch.endOfRun(from: $0, in: 0..<4) }
        #expect(ends == [2, 2, 3, 4])
        let ports = (0..<4).map { batch.datagram($0).sourcePort }
        #expect(ports == [one.port, one.port, other.port, one.port])
        let part = batch.endOfRun(from: 0, in: 0..<1)
        #expect(part == 1)
    }

    @Test(arguments: [loopbackIPv4, loopbackIPv6])
    func whatDiffersWithinARunIsTold(address: IPAddress) throws {
        let socket = try TestSocket(address)
        let batch = try received(at: address) { port in
            for (ttl, length) in [(9, 3), (9, 1400), (7, 1400), (7, 0)] {
                socket.setTTL(ttl)
                socket.send(Array(repeating: 1, count: length), to: address, port)
            }
        }
        let end = batch.endOfRun(from: 0, in: 0..<4)
        #expect(end == 4)
        let lengths = (0..<4).map { batch.length($0) }
        #expect(lengths == [3, 1400, 1400, 0])
        let ttls = (0..<4).map { batch.datagram($0).ttl }
        #expect(ttls == [9, 9, 7, 7])
    }

    @Test func aWholeBatchCanBeOneRun() throws {
        let socket = try TestSocket()
        let batch = try received(at: loopbackIPv4, count: 64) { port in
            for number in 0..<64 as Range<UInt8> { socket.send([number], to: loopbackIPv4, port) }
        }
        let ends = [0, 1, 63].map { batch.endOfRun(from: $0, in: 0..<64) }
        #expect(ends == [64, 64, 64])
        let payloads = (0..<64).map { [UInt8](copying: batch.payload($0)) }
        #expect(payloads == (0..<64).map { [UInt8($0)] })
    }

    @Test func aMaskHasTheBitsOfItsRange() {
        #expect(UInt64(bits: 0..<64) == .max && UInt64(bits: 5..<5) == 0)
        #expect(UInt64(bits: 63..<64) == 1 << 63 && UInt64(bits: 1..<4) == 0b1110)
    }

    /// The datagrams that a socket has received, in one batch.
    private func received(
        at address: IPAddress,
        count: Int = 4,
        _ send: (UInt16) -> Void
    ) throws -> ReceiveBatch {
        let family = Int32(address.family.rawValue)
        let socket = Descriptor(
            owning: try SystemCallError.check("socket", relay_socket_open(family))
        )
        let port = try freePort(address.family)
        let endpoint = relay_endpoint(address, port: port)
        try SystemCallError.check("bind", relay_bind(socket.number, endpoint))
        try SystemCallError.check("setsockopt", relay_request_metadata(socket.number, family))
        send(port)
        var batch = ReceiveBatch()
        let total = batch.receive(from: socket.number, limit: ReceiveBatch.capacity)
        try #require(total == count)
        return batch
    }
}
