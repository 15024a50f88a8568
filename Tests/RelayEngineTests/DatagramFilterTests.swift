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
        #expect(reason(datagram(interface: 2)) { $0.hostModel = .weak } == .interface)
    }

    /// No address of this host.
    private let stranger = address("10.7.7.7")

    /// Of interface 1 are 10.0.0.1 and 10.9.9.9, of interface 2 10.0.2.1 and 10.9.9.9, and of the
    /// loopback interface, 3, 127.0.0.1.
    @Test(arguments: [
        // address, by, strong, weak
        ("10.0.0.1", 1, true, true), ("10.0.0.1", 2, false, true), ("10.0.2.1", 1, false, true),
        ("10.0.2.1", 2, false, true), ("10.9.9.9", 1, true, true), ("10.9.9.9", 2, false, true),
        // A new address, or one by a local route.
        ("10.0.0.7", 1, true, true), ("10.0.0.7", 2, false, true), ("10.0.0.7", 3, false, true),
        // From this host.
        ("10.0.0.1", 3, true, true), ("10.0.2.1", 3, false, true), ("127.0.0.1", 3, false, true),
        ("127.5.5.5", 3, false, true), ("127.0.0.1", 1, false, true),
    ])
    func unicastMustBeForTheSessionsInterface(
        text: String,
        index: Int32,
        isStrong: Bool,
        isWeak: Bool
    ) {
        let unicast = datagram(RELAY_UNICAST, to: address(text), from: stranger, interface: index)
        for (model, isAccepted) in [(HostModel.strong, isStrong), (.weak, isWeak)] {
            let found = reason(unicast) {
                $0.accept = [.unicast]
                $0.hostModel = model
            }
            #expect(found == (isAccepted ? nil : .interface))
        }
    }

    /// From a session on the loopback interface or on one without addresses, the kernel sends by
    /// the address of another interface, to which the answers come.
    @Test func answersComeToBorrowedAddresses() {
        let host = HostInterfaces(Self.interfaces)
        var receiver = definition(.broadcast, role: .receiver, port: 5)
        receiver.interface = .name("x")
        func reason(_ own: Int32, _ to: String, _ by: Int32, from: String) -> DropReason? {
            let datagram = datagram(
                RELAY_UNICAST,
                to: address(to),
                from: address(from),
                interface: by
            )
            return DatagramFilter(receiver, interfaceIndex: own, host)
                .dropReason(ofDestination: datagram)
        }
        #expect(reason(4, "10.0.2.1", 4, from: "10.7.7.7") == nil)
        #expect(reason(4, "10.0.2.1", 2, from: "10.7.7.7") == .interface)
        // The kernel says of the host's own datagrams that they came in by the address's interface.
        #expect(reason(3, "10.0.0.1", 1, from: "10.0.0.1") == nil)
        #expect(reason(3, "10.0.0.1", 3, from: "10.0.0.1") == nil)
        #expect(reason(3, "127.0.0.1", 3, from: "127.0.0.1") == nil)
        #expect(reason(3, "10.0.0.1", 1, from: "10.7.7.7") == .interface)
    }

    /// Only interface 1 may be used.
    @Test(arguments: [
        ("10.0.0.1", 1, true), ("10.0.2.1", 1, true), ("10.0.0.1", 2, false), ("10.0.0.1", 3, true),
        ("10.0.2.1", 3, false), ("10.9.9.9", 3, true), ("127.0.0.1", 3, false),
    ])
    func thePolicyWinsOverTheHostModel(text: String, index: Int32, isAccepted: Bool) {
        let unicast = datagram(RELAY_UNICAST, to: address(text), from: stranger, interface: index)
        let host = HostInterfaces(Self.interfaces) { $0 == "r1" }
        let expected: DropReason? = isAccepted ? nil : .interface
        var weak = definition(.broadcast, role: .sender, port: 5)
        weak.hostModel = .weak
        let filter = DatagramFilter(weak, interfaceIndex: 1, host)
        #expect(filter.dropReason(ofDestination: unicast) == expected)
        weak.interface = .name("r1")
        let confined = DatagramFilter(weak, interfaceIndex: 1, host)
        #expect(confined.dropReason(ofDestination: unicast) == expected)
        let broadcast = datagram(RELAY_BROADCAST, from: stranger, interface: index)
        #expect(
            filter.dropReason(ofDestination: broadcast) == (index == 1 ? nil : .interface)
        )
    }

    private static let interfaces = [
        interface("r1", 1, ["10.0.0.1", "10.9.9.9"]), interface("r2", 2, ["10.0.2.1", "10.9.9.9"]),
        interface("lo", 3, ["127.0.0.1"], [.up, .loopback]), interface("r4", 4, []),
    ]

    private static func interface(
        _ name: String,
        _ index: Int32,
        _ addresses: [String],
        _ flags: NetworkInterface.Flags = .up
    ) -> NetworkInterface {
        NetworkInterface(
            name: name,
            index: index,
            flags: flags,
            mtu: nil,
            addresses: addresses.map {
                NetworkInterface.Address(address: address($0), prefixLength: 24, broadcast: nil)
            }
        )
    }

    @Test func aBroadcastReceiverOnEveryInterfaceTakesAny() {
        let broadcast = datagram(RELAY_BROADCAST, interface: 2)
        var receiver = definition(.broadcast, role: .receiver, port: 1)
        #expect(
            DatagramFilter(receiver, interfaceIndex: 1, HostInterfaces()).dropReason(
                ofDestination: broadcast
            )
                == .interface
        )
        receiver.interface = nil
        #expect(
            DatagramFilter(receiver, interfaceIndex: 0, HostInterfaces())
                .dropReason(ofDestination: broadcast) == nil
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
        let filter = DatagramFilter(receiver, interfaceIndex: 1, HostInterfaces(Self.interfaces))
        return filter.dropReason(ofDestination: datagram) ?? (isOwn ? .own : nil)
            ?? filter.dropReason(ofSource: datagram)
    }

    private func datagram(
        _ destinationClass: Int = RELAY_MULTICAST,
        to local: IPAddress = address("10.0.0.1"),
        from source: IPAddress = loopbackIPv4,
        interface: Int32 = 1,
        sourcePort: UInt16 = 7
    ) -> ReceivedDatagram {
        var received = relay_received()
        received.family = 4
        received.source_low = source.low
        received.source_port = sourcePort
        received.destination_class = UInt8(destinationClass)
        received.interface_index = interface
        received.local_low = local.low
        return ReceivedDatagram(received)
    }
}
