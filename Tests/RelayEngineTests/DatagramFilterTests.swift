import CRelaySocket
import RelayModel
import Testing

@testable import RelayEngine

@Suite struct DatagramFilterTests {
    @Test func aDatagramWithoutMetadataIsMalformed() {
        #expect(reason(datagram(destination: nil)) == .malformed)
    }

    @Test func theDestinationClassFollowsFromTheAddresses() {
        #expect(datagram(destination: "239.255.1.1").destinationClass == .multicast)
        #expect(
            datagram(destination: "127.0.0.1", local: "127.0.0.1").destinationClass == .unicast
        )
        #expect(
            datagram(destination: "127.255.255.255", local: "127.0.0.1").destinationClass
                == .broadcast
        )
        #expect(datagram(destination: "255.255.255.255", local: nil).destinationClass == .broadcast)
        #expect(datagram(destination: "ff05::1", local: nil).destinationClass == .multicast)
        #expect(datagram(destination: "::1", local: "::1").destinationClass == .unicast)
    }

    @Test func onlyAcceptedClassesAreLetIn() {
        #expect(reason(datagram()) == nil)
        #expect(reason(datagram(destination: "127.0.0.1", local: "127.0.0.1")) == .destinationClass)
        #expect(reason(datagram()) { $0.accept = [.unicast, .broadcast] } == .destinationClass)
    }

    @Test func groupsMustComeInByTheSessionsInterface() {
        #expect(reason(datagram(interface: 2)) == .interface)
        let unicast = datagram(destination: "127.0.0.1", local: "127.0.0.1", interface: 2)
        #expect(reason(unicast) { $0.accept = [.unicast] } == nil)
    }

    @Test func aBroadcastReceiverOnEveryInterfaceTakesAny() {
        let broadcast = datagram(destination: "127.255.255.255", interface: 2)
        var receiver = definition(.broadcast, role: .receiver, port: 1)
        #expect(
            DatagramFilter(receiver, interfaceIndex: 1).dropReason(broadcast) { false }
                == .interface
        )
        receiver.interface = nil
        #expect(DatagramFilter(receiver, interfaceIndex: 0).dropReason(broadcast) { false } == nil)
    }

    @Test func deniedSourcesAreDroppedEvenWhenAllowed() {
        #expect(reason(datagram()) { $0.deny = [block("127.0.0.0/8")] } == .source)
        #expect(
            reason(datagram()) {
                $0.allow = [block("127.0.0.1")]
                $0.deny = [block("127.0.0.1")]
            } == .source
        )
    }

    @Test func withAnAllowListOnlyItsSourcesAreLetIn() {
        #expect(
            reason(datagram()) { $0.allow = [block("10.0.0.0/8"), block("127.0.0.1")] } == nil
        )
        #expect(reason(datagram()) { $0.allow = [block("10.0.0.0/8")] } == .source)
        #expect(reason(datagram()) { $0.allow = [block("::/0")] } == .source)
    }

    @Test func theSourcePortMayBeRequired() {
        #expect(reason(datagram(sourcePort: 9)) { $0.requireSourcePort = 9 } == nil)
        #expect(reason(datagram(sourcePort: 8)) { $0.requireSourcePort = 9 } == .sourcePort)
    }

    @Test func theFirstReasonInOrderIsGiven() {
        func strict(_ definition: inout SessionDefinition) {
            definition.deny = [block("0.0.0.0/0")]
            definition.requireSourcePort = 9
        }
        let wrong = datagram(destination: "127.0.0.1", local: "127.0.0.1", interface: 2)
        #expect(reason(wrong, isOwn: true, strict) == .destinationClass)
        #expect(reason(datagram(interface: 2), isOwn: true, strict) == .interface)
        #expect(reason(datagram(), isOwn: true, strict) == .own)
        #expect(reason(datagram(), strict) == .source)
        #expect(reason(datagram()) { $0.requireSourcePort = 9 } == .sourcePort)
    }

    /// The reason for a multicast receiver on interface 1.
    private func reason(
        _ datagram: ReceivedDatagram,
        isOwn: Bool = false,
        _ change: (inout SessionDefinition) -> Void = { _ in }
    ) -> DropReason? {
        let receiver = definition(
            .multicastReceiver,
            group: IPAddress(ipv4: 0xEFFF_0101),
            port: 5,
            change
        )
        return DatagramFilter(receiver, interfaceIndex: 1).dropReason(datagram) { isOwn }
    }

    private func datagram(
        destination: String? = "239.255.1.1",
        local: String? = "127.0.0.1",
        interface: Int32 = 1,
        sourcePort: UInt16 = 7
    ) -> ReceivedDatagram {
        var received = relay_received()
        received.source = relay_endpoint(loopbackIPv4, port: sourcePort)
        if let destination { received.destination = relay_endpoint(address(destination)) }
        if let local { received.local_address = relay_endpoint(address(local)) }
        received.interface_index = interface
        return ReceivedDatagram(received)
    }
}
