/// Where what a session accepts goes on to, and how.
package struct ForwardTarget: Hashable, Sendable {
    package enum Destination: Hashable, Sendable {
        /// Sent by the socket of another session of this daemon, with its group, interface, TTL
        /// and limits.
        case session(SessionName)
        /// Sent by a socket of the target's own. Indirect: several hold a target, and share this.
        indirect case endpoint(ForwardEndpoint)
    }

    /// How the TTL (IPv4) or hop limit (IPv6) of a relayed datagram is chosen.
    package enum TTLMode: String, Sendable, CaseIterable {
        /// The target's own, whatever the datagram had.
        case fixed
        /// What the datagram had, less 1, as a router does it.
        case decrement
    }

    package var destination: Destination
    /// Source addresses relayed to this target; empty = any.
    package var allow: [CIDRBlock] = []
    /// Source addresses not relayed to this target, also when allowed.
    package var deny: [CIDRBlock] = []
    package var ttlMode = TTLMode.fixed
    /// With `decrement`: datagrams whose TTL is not greater are not relayed, 1–254.
    package var ttlThreshold: UInt8 = 1
    /// One of so many datagrams is relayed, from the first on; 1 = all.
    package var sampleOneIn = 1
    /// Whether the DSCP of a datagram goes on with it, as a router keeps it; otherwise it is the
    /// sending socket's.
    package var preservesDSCP = false
    @Boxed package var limits: TrafficLimits? = nil
    @Boxed package var chaos: Chaos? = nil

    package init(_ destination: Destination) { self.destination = destination }
}

/// A host, group or broadcast address that datagrams are relayed to.
package struct ForwardEndpoint: Hashable, Sendable {
    /// What the source address of a relayed datagram is.
    package enum SourceMode: String, Sendable, CaseIterable {
        /// This host's.
        case own
        /// The sender's (IP_TRANSPARENT, ip(7)); needs CAP_NET_ADMIN or CAP_NET_RAW.
        case preserve
    }

    package var address: IPAddress
    /// 1–65535.
    package var port: UInt16
    /// The outbound interface; nil = the kernel's route to the address.
    package var interface: InterfaceSelector?
    /// 1–255; nil = 1 for groups and broadcasts, 64 for hosts.
    package var ttl: UInt8?
    /// DSCP (RFC 2474), 0–63, of what is sent; with `preservesDSCP` the datagram says it.
    package var dscp: UInt8 = 0
    /// The source port; 0 = chosen by the kernel.
    package var localPort: UInt16 = 0
    /// IP_MULTICAST_LOOP (ip(7)): whether sockets of this host receive what goes to a group.
    package var loopback = true
    package var sourceMode = SourceMode.own
    /// How answers travel back to who had asked; nil = they do not.
    package var mapReplies: ReplyMapping?

    package init(_ address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// The TTL or hop limit that is used.
    package var effectiveTTL: UInt8 { ttl ?? (address.isUnicast ? 64 : 1) }
}

/// Lets the answers to relayed datagrams find the way back: each asker is given a port of its own,
/// and what comes to that port is sent to the asker by the session's socket.
package struct ReplyMapping: Hashable, Sendable {
    /// How long a port is kept after the asker's last datagram.
    package var lifetimeSeconds: Int
    /// Askers at once; datagrams of further ones are relayed, and their answers are lost.
    package var askersMax: Int

    package static let lifetimeSecondsDefault = 30
    package static let lifetimeSecondsRange = 1...3600
    package static let askersMaxDefault = 64
    package static let askersMaxRange = 1...1024

    package init(
        lifetimeSeconds: Int = ReplyMapping.lifetimeSecondsDefault,
        askersMax: Int = ReplyMapping.askersMaxDefault
    ) {
        self.lifetimeSeconds = lifetimeSeconds
        self.askersMax = askersMax
    }
}
