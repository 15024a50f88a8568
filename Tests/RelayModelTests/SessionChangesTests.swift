import Testing

@testable import RelayModel

/// What is different between two definitions, and which differences a running session can follow.
@Suite struct SessionChangesTests {
    /// A field, two definitions that differ in it only, and whether it can change in place.
    struct Change: Sendable, CustomTestStringConvertible {
        let field: SessionField
        let previous: SessionDefinition
        let next: SessionDefinition
        let isInPlace: Bool

        init(
            _ field: SessionField,
            inPlace: Bool,
            _ previous: SessionDefinition = peer,
            _ change: (inout SessionDefinition) -> Void
        ) {
            self.field = field
            self.previous = previous
            isInPlace = inPlace
            var next = previous
            change(&next)
            self.next = next
        }

        var testDescription: String { field.rawValue }
    }

    static let group = IPAddress(ipv4: 0xEF01_0203)
    static let peer = SessionDefinition(
        name: SessionName("peer")!,
        kind: .multicastPeer,
        group: group,
        port: 5004
    )
    static let block = CIDRBlock("10.0.0.0/8")!

    /// A definition of another kind or role that is otherwise the peer's.
    static func like(
        _ peer: SessionDefinition,
        _ kind: SessionKind,
        _ role: BroadcastRole? = nil
    ) -> SessionDefinition {
        var other = SessionDefinition(
            name: peer.name,
            kind: kind,
            role: role,
            group: peer.group,
            port: peer.port
        )
        other.accept = peer.accept
        other.requireSourcePort = peer.requireSourcePort
        return other
    }

    static let changes = [
        Change(.name, inPlace: false) { $0.name = SessionName("other")! },
        Change(.kind, inPlace: false) { $0 = like($0, .multicastSender) },
        Change(.role, inPlace: false, like(peer, .broadcast, .sender)) {
            $0 = like($0, .broadcast, .peer)
        },
        Change(.group, inPlace: false) { $0.group = IPAddress(ipv4: 0xEF01_0204) },
        Change(.address, inPlace: false) { $0.address = .limitedBroadcast },
        Change(.port, inPlace: false) { $0.port = 5005 },
        Change(.interface, inPlace: false) { $0.interface = .name("lo") },
        Change(.localPort, inPlace: false) { $0.localPort = 1 },
        Change(.exclusive, inPlace: false) { $0.exclusive = true },
        Change(.sources, inPlace: true) { $0.sources = [IPAddress(ipv4: 0x0A00_0001)] },
        Change(.allow, inPlace: true) { $0.allow = [block] },
        Change(.deny, inPlace: true) { $0.deny = [block] },
        Change(.requireSourcePort, inPlace: true) { $0.requireSourcePort = 0 },
        Change(.hostModel, inPlace: true) { $0.hostModel = .weak },
        Change(.accept, inPlace: true) { $0.accept = [.unicast] },
        Change(.receiveOwn, inPlace: true) { $0.receiveOwn = true },
        Change(.loopback, inPlace: true) { $0.loopback = false },
        Change(.ttl, inPlace: true) { $0.ttl = 2 },
        Change(.dscp, inPlace: true) { $0.dscp = 46 },
        Change(.reply, inPlace: true) { $0.reply = Reply(.text("pong")) },
        Change(.forward, inPlace: true) { $0.forward = [ForwardTarget(.session(peer.name))] },
        Change(.loopGuardMilliseconds, inPlace: true) { $0.loopGuardMilliseconds = 0 },
        Change(.limits, inPlace: true) { $0.limits = TrafficLimits(datagramsPerSecond: 1) },
        Change(.coalesceMicroseconds, inPlace: true) { $0.coalescing = .adaptive },
        Change(.recentPackets, inPlace: true) { $0.recentPackets = 0 },
        Change(.snapLength, inPlace: true) { $0.snapLength = 0 },
        Change(.recordDSCP, inPlace: true) { $0.recordDSCP = true },
        Change(.receiveBufferBytes, inPlace: true) { $0.receiveBufferBytes = 65_536 },
        Change(.whenUnavailable, inPlace: true) { $0.whenUnavailable = .wait },
        Change(.labels, inPlace: true) { $0.labels = ["a": "b"] },
        Change(.annotations, inPlace: true) { $0.annotations = ["a": "b"] },
        Change(.enabled, inPlace: true) { $0.enabled = false },
        Change(.persist, inPlace: true) { $0.persist = false },
    ]

    @Test func everyFieldAndEveryPropertyHasItsChange() {
        #expect(Set(Self.changes.map(\.field)) == Set(SessionField.allCases))
        #expect(Self.changes.count == SessionField.allCases.count)
        let properties = Mirror(reflecting: Self.peer).children.compactMap(\.label)
        // The unit is in the name of the member, and in the value of the property.
        let named = properties.map { $0 == "coalescing" ? "coalesceMicroseconds" : $0 }
        #expect(Set(named) == Set(SessionField.allCases.map(\.rawValue)))
    }

    @Test(arguments: changes) func aChangeIsSeenInBothDirectionsAndAlone(change: Change) {
        #expect(change.next.fieldsChanged(from: change.previous) == [change.field])
        #expect(change.previous.fieldsChanged(from: change.next) == [change.field])
    }

    @Test(arguments: changes) func onlySomeChangesKeepTheSocket(change: Change) {
        #expect(change.field.isMutableInPlace == change.isInPlace)
        #expect(change.previous.canChangeInPlace(to: change.next) == change.isInPlace)
        #expect(change.next.canChangeInPlace(to: change.previous) == change.isInPlace)
    }

    @Test func anEqualDefinitionChangesNothing() {
        #expect(Self.peer.fieldsChanged(from: Self.peer).isEmpty)
        #expect(Self.peer.canChangeInPlace(to: Self.peer))
    }

    @Test func oneFieldThatNeedsAnotherSocketDecides() {
        var next = Self.peer
        next.ttl = 9
        next.allow = [Self.block]
        #expect(next.fieldsChanged(from: Self.peer) == [.ttl, .allow])
        #expect(Self.peer.canChangeInPlace(to: next))
        next.port = 7000
        #expect(!Self.peer.canChangeInPlace(to: next))
    }
}
