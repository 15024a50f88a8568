import Testing

@testable import RelayModel

/// The defaults of every kind and role, and which fields each has.
@Suite struct SessionDefinitionTests {
    /// A row of the table of kinds in the contract.
    struct Row: Sendable, CustomTestStringConvertible {
        let kind: SessionKind
        var role: BroadcastRole?
        let accept: DestinationClassSet
        let requireSourcePort: UInt16
        let sends: Bool
        let joins: Bool
        /// What it binds when the port is 5004 and the local port 6000.
        let portToBind: UInt16
        /// The fields it has besides those that all have.
        let fields: Set<SessionField>

        var testDescription: String { kind.rawValue + (role.map { " \($0.rawValue)" } ?? "") }
    }

    static let rows = [
        Row(
            kind: .multicastSender,
            accept: [.unicast],
            requireSourcePort: 5004,
            sends: true,
            joins: false,
            portToBind: 6000,
            fields: [.group, .loopback, .ttl, .dscp, .localPort]
        ),
        Row(
            kind: .multicastReceiver,
            accept: [.multicast],
            requireSourcePort: 0,
            sends: false,
            joins: true,
            portToBind: 5004,
            fields: [.group, .sources, .reply, .exclusive]
        ),
        Row(
            kind: .multicastPeer,
            accept: [.multicast, .unicast],
            requireSourcePort: 5004,
            sends: true,
            joins: true,
            portToBind: 5004,
            fields: [.group, .sources, .loopback, .ttl, .dscp, .receiveOwn, .exclusive]
        ),
        Row(
            kind: .broadcast,
            role: .sender,
            accept: [.broadcast, .unicast],
            requireSourcePort: 5004,
            sends: true,
            joins: false,
            portToBind: 6000,
            fields: [.role, .address, .ttl, .dscp, .localPort]
        ),
        Row(
            kind: .broadcast,
            role: .receiver,
            accept: [.broadcast, .unicast],
            requireSourcePort: 0,
            sends: false,
            joins: false,
            portToBind: 5004,
            fields: [.role, .reply, .exclusive]
        ),
        Row(
            kind: .broadcast,
            role: .peer,
            accept: [.broadcast, .unicast],
            requireSourcePort: 5004,
            sends: true,
            joins: false,
            portToBind: 5004,
            fields: [.role, .address, .ttl, .dscp, .receiveOwn, .exclusive]
        ),
    ]

    static let fieldsOfAll: Set<SessionField> = [
        .name, .kind, .port, .interface, .allow, .deny, .requireSourcePort, .accept, .hostModel,
        .recentPackets, .snapLength, .recordDSCP, .receiveBufferBytes, .whenUnavailable, .labels,
        .annotations, .enabled,
        .persist, .forward, .loopGuardMilliseconds, .limits, .coalesceMicroseconds,
    ]

    private func definition(_ row: Row) throws -> SessionDefinition {
        SessionDefinition(
            name: try #require(SessionName("cam1")),
            kind: row.kind,
            role: row.role,
            group: row.kind.isMulticast ? IPAddress("239.1.2.3") : nil,
            port: 5004
        )
    }

    @Test(arguments: rows) func theDefaultsAreThoseOfTheKindAndRole(row: Row) throws {
        var definition = try definition(row)
        #expect(definition.accept == row.accept)
        #expect(definition.requireSourcePort == row.requireSourcePort)
        #expect(definition.sends == row.sends)
        #expect(definition.joins == row.joins)
        #expect(definition.role == row.role)
        #expect(definition.violations() == [])
        definition.localPort = 6000
        #expect(definition.portToBind == row.portToBind)
    }

    @Test(arguments: rows) func theDefaultsOfTheOtherFieldsAreTheSameForAll(row: Row) throws {
        let definition = try definition(row)
        #expect(!definition.receiveOwn && definition.loopback)
        #expect(definition.enabled && definition.persist)
        #expect(definition.ttl == 1 && definition.localPort == 0)
        #expect(definition.recentPackets == 64 && definition.snapLength == 256)
        #expect(definition.whenUnavailable == .fail)
        #expect(definition.sources.isEmpty && definition.allow.isEmpty && definition.deny.isEmpty)
        #expect(definition.labels.isEmpty && definition.annotations.isEmpty)
        #expect(definition.interface == nil && definition.address == nil)
        #expect(definition.reply == nil && definition.receiveBufferBytes == nil)
        #expect(definition.forward.isEmpty && definition.limits == nil)
        #expect(definition.loopGuardMilliseconds == 1000)
        #expect(definition.coalescing == .microseconds(0))
    }

    @Test(arguments: rows) func eachKindAndRoleHasItsFieldsAndNoOthers(row: Row) {
        let fields = SessionField.allCases.filter { $0.applies(to: row.kind, role: row.role) }
        #expect(Set(fields) == row.fields.union(Self.fieldsOfAll))
    }

    @Test func aKindHasTheFieldsOfAllItsRoles() {
        for kind in SessionKind.allCases {
            let ofRoles = Self.rows.filter { $0.kind == kind }.map(\.fields)
                .reduce(Self.fieldsOfAll) { $0.union($1) }
            #expect(
                Set(SessionField.allCases.filter { $0.applies(to: kind) }) == ofRoles,
                "\(kind)"
            )
        }
    }

    @Test func aBroadcastWithoutARoleIsAPeer() throws {
        let name = try #require(SessionName("b"))
        #expect(SessionDefinition(name: name, kind: .broadcast, port: 1).role == .peer)
    }

    @Test func onlyABroadcastHasARole() throws {
        let name = try #require(SessionName("m"))
        for kind in SessionKind.allCases where kind != .broadcast {
            #expect(SessionDefinition(name: name, kind: kind, role: .receiver, port: 1).role == nil)
        }
    }

    @Test func theFamilyIsThatOfTheGroup() throws {
        let name = try #require(SessionName("m"))
        func family(_ group: String) -> IPAddress.Family {
            SessionDefinition(name: name, kind: .multicastPeer, group: IPAddress(group), port: 1)
                .family
        }
        #expect(family("239.1.2.3") == .ipv4)
        #expect(family("ff05::1") == .ipv6)
        #expect(SessionDefinition(name: name, kind: .broadcast, port: 1).family == .ipv4)
    }

    @Test func aSetOfClassesKeepsNoOrderAndNoDuplicates() {
        #expect(DestinationClassSet([.unicast, .multicast, .unicast]) == [.multicast, .unicast])
        #expect(
            DestinationClassSet([.unicast, .broadcast, .multicast]).members == [
                .multicast, .broadcast, .unicast,
            ]
        )
        #expect(DestinationClassSet([]).isEmpty)
        for member in DestinationClass.allCases {
            #expect(DestinationClassSet([member]).members == [member])
            #expect(DestinationClass(name: member.name) == member)
        }
        #expect(DestinationClass(name: "Multicast") == nil)
        #expect(DestinationClass(name: "") == nil)
    }

    @Test func receivedIsAcceptedAndDropped() {
        var values = CounterValues()
        #expect(values.dropped.count == DropReason.allCases.count)
        values.accepted = Traffic(datagrams: 7, bytes: 700)
        for reason in DropReason.allCases {
            values.dropped[Int(reason.rawValue)] = 1 << UInt64(reason.rawValue)
        }
        values.droppedBytes = 99
        #expect(values.received == Traffic(datagrams: 7 + 255, bytes: 799))
    }
}
