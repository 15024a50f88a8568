import CRelaySocket
import RelayModel
import Testing

@testable import RelayEngine

@Suite struct DatagramFilterTests {
    @Test func aDatagramWithoutMetadataIsMalformed() {
        #expect(reason(datagram(RELAY_UNKNOWN)) == .malformed)
    }

    @Test func onlyAcceptedClassesAreLetIn() {
        #expect(reason(datagram()) == nil)
        #expect(reason(datagram(RELAY_UNICAST)) == .destinationClass)
        #expect(reason(datagram()) { $0.accept = [.unicast, .broadcast] } == .destinationClass)
    }

    @Test func groupsMustComeInByTheSessionsInterface() {
        #expect(reason(datagram(interface: 2)) == .interface)
        let unicast = datagram(RELAY_UNICAST, interface: 2)
        #expect(reason(unicast) { $0.accept = [.unicast] } == nil)
    }

    @Test func aBroadcastReceiverOnEveryInterfaceTakesAny() {
        let broadcast = datagram(RELAY_BROADCAST, interface: 2)
        var receiver = definition(.broadcast, role: .receiver, port: 1)
        #expect(
            DatagramFilter(receiver, interfaceIndex: 1).dropReason(ofDestination: broadcast)
                == .interface
        )
        receiver.interface = nil
        #expect(
            DatagramFilter(receiver, interfaceIndex: 0).dropReason(ofDestination: broadcast) == nil
        )
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
        let wrong = datagram(RELAY_UNICAST, interface: 2)
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
        let filter = DatagramFilter(receiver, interfaceIndex: 1)
        return filter.dropReason(ofDestination: datagram) ?? (isOwn ? .own : nil)
            ?? filter.dropReason(ofSource: datagram)
    }

    private func datagram(
        _ destinationClass: Int = RELAY_MULTICAST,
        interface: Int32 = 1,
        sourcePort: UInt16 = 7
    ) -> ReceivedDatagram {
        var received = relay_received()
        received.family = 4
        received.source_low = loopbackIPv4.low
        received.source_port = sourcePort
        received.destination_class = UInt8(destinationClass)
        received.interface_index = interface
        return ReceivedDatagram(received)
    }
}
