import CRelaySocket
import RelayModel
import Testing

@testable import RelayEngine

/// What goes back to those who have heard it already: the same link, port and hosts.
@Suite struct ReflectionTests {
    /// Of what came in by interface 1 at port 9.
    @Test(arguments: [
        // came to, sent to, by
        ("255.255.255.255", "255.255.255.255", 1, true), ("255.255.255.255", "10.0.0.255", 1, true),
        ("10.0.0.255", "255.255.255.255", 1, true), ("10.0.0.255", "10.0.0.255", 1, true),
        ("255.255.255.255", "10.0.0.255", 2, false), ("10.0.0.255", "10.0.1.255", 1, false),
        ("10.0.0.255", "10.0.0.0", 1, true), ("10.0.0.0", "10.0.0.255", 1, true),
        ("255.255.255.255", "10.0.0.0", 1, true), ("10.0.1.0", "10.0.0.255", 1, false),
        ("10.0.0.255", "10.0.0.255", 2, false), ("239.1.1.1", "239.1.1.1", 1, true),
        ("239.1.1.1", "239.1.1.2", 1, false), ("239.1.1.1", "239.1.1.1", 2, false),
        ("239.1.1.1", "10.0.0.255", 1, false), ("255.255.255.255", "239.1.1.1", 1, false),
        ("10.0.0.1", "10.0.0.255", 1, false), ("10.0.0.255", "10.0.0.7", 1, false),
    ])
    func onOneLinkSpellingsOfOneAudienceAreEqual(
        from: String,
        to: String,
        index: Int32,
        holds: Bool
    ) throws {
        let link = NetworkInterface(
            name: "r1",
            index: 1,
            flags: .up,
            mtu: nil,
            addresses: ["10.0.0", "10.0.1"].map { net in
                NetworkInterface.Address(
                    address: address("\(net).1"),
                    prefixLength: 24,
                    broadcast: address("\(net).255")
                )
            }
        )
        let target = Endpoint(address(to), port: 9)
        let audience = Reflection.Audience(ofBroadcast: target.address, by: link)
        let reflection = try #require(
            Reflection(target, audience: audience, by: index, ofPort: 9)
        )
        #expect(reflection.holds(for: datagram(from)) == holds)
        #expect(Reflection(target, audience: audience, by: index, ofPort: 8) == nil)
    }

    private func datagram(_ text: String) -> ReceivedDatagram {
        let to = address(text)
        var received = relay_received()
        received.family = 4
        received.destination_low = to.low
        received.interface_index = 1
        let unicast = text == "10.0.0.1" ? RELAY_UNICAST : RELAY_BROADCAST
        received.destination_class = UInt8(to.isMulticast ? RELAY_MULTICAST : unicast)
        return ReceivedDatagram(received)
    }
}
