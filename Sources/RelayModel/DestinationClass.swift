/// What the destination address of a datagram is, as the receiving host sees it.
package enum DestinationClass: UInt8, Sendable, CaseIterable {
    case multicast = 0
    /// Limited (RFC 919) or directed (RFC 922) broadcast.
    case broadcast = 1
    case unicast = 2

    /// The word in JSON.
    package var name: String {
        switch self {
        case .multicast: "multicast"
        case .broadcast: "broadcast"
        case .unicast: "unicast"
        }
    }

    package init?(name: String) {
        guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = match
    }
}

/// A set of destination classes: what a session lets in.
package struct DestinationClassSet: Hashable, Sendable, ExpressibleByArrayLiteral {
    @usableFromInline var bits: UInt8 = 0

    package init(_ classes: some Sequence<DestinationClass>) {
        for member in classes { bits |= 1 << member.rawValue }
    }

    package init(arrayLiteral elements: DestinationClass...) { self.init(elements) }

    @inlinable
    @inline(__always)
    package func contains(_ member: DestinationClass) -> Bool { bits & 1 << member.rawValue != 0 }

    package var isEmpty: Bool { bits == 0 }

    /// The members in a fixed order: multicast, broadcast, unicast.
    package var members: [DestinationClass] { DestinationClass.allCases.filter(contains) }
}
