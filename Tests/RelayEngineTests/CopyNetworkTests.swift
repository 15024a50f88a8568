import RelayModel
import Testing

@testable import RelayEngine

/// Which broadcasts of one link may be copies of one another.
@Suite struct CopyNetworkTests {
    @Test(arguments: [
        ("192.168.10.255", "192.168.10.255", true),
        // Another network of the link, also next to it.
        ("192.168.10.255", "192.168.11.255", false),
        ("192.168.10.255", "192.168.11.0", false),
        ("10.81.0.3", "10.81.0.7", false),
        // The network address is an old spelling.
        ("192.168.10.255", "192.168.10.0", true),
        ("10.81.0.3", "10.81.0.0", true),
        ("10.255.255.255", "10.0.0.0", true),
        // All of the link.
        ("192.168.10.255", "255.255.255.255", true),
        ("255.255.255.255", "255.255.255.255", true),
        // Groups are told apart by their audiences.
        ("239.1.1.1", "192.168.10.255", true),
        ("ff05::1", "ff05::2", true),
    ])
    func anotherNetworkIsAnotherSide(left: String, right: String, overlap: Bool) throws {
        let networks = try [left, right].map(network)
        #expect(networks[0].overlaps(networks[1]) == overlap)
        #expect(networks[1].overlaps(networks[0]) == overlap)
    }

    @Test func whatIsUnknownMayBeAny() throws {
        let network = try network("192.168.10.255")
        #expect(network.overlaps(CopyNetwork(of: nil)))
    }

    @Test func copiesForSeveralNetworksMayComeToAny() throws {
        let networks = try ["192.168.10.255", "192.168.11.255", "192.168.12.255"].map(network)
        var copies = Copies(tag: 1, check: 1, at: 0)
        copies.add(.relayed, to: networks[0], of: nil)
        copies.add(.relayed, to: networks[0], of: nil)
        #expect(copies.network == networks[0])
        copies.add(.relayed, to: networks[1], of: nil)
        #expect(copies.network.overlaps(networks[2]))
        let restored = Copies(copies.record, lifetime: 10, at: 5)
        #expect(restored?.network == .any)
        for _ in 0..<3 { _ = copies.returning.take() }
        // What was taken says nothing of what is sent next.
        copies.add(.relayed, to: networks[2], of: nil)
        #expect(copies.network == networks[2])
        let kept = Copies(copies.record, lifetime: 10, at: 5)
        #expect(kept?.network == networks[2])
    }

    private func network(_ text: String) throws -> CopyNetwork {
        let address = try #require(IPAddress(text))
        return CopyNetwork(of: address)
    }
}
