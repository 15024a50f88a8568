/// What a client asks a session to be, with every default filled in.
///
/// Fields that do not apply to the kind and role (`SessionField.applies`) keep their default and
/// are never shown.
package struct SessionDefinition: Hashable, Sendable {
    package enum WhenUnavailable: String, Sendable, CaseIterable {
        /// A create that cannot bind, join or find its interface is refused.
        case fail
        /// The session is kept waiting and starts when it can.
        case wait
    }

    package var name: SessionName
    package let kind: SessionKind
    /// Not nil exactly when the kind is broadcast.
    package let role: BroadcastRole?
    /// The multicast group; not nil for every multicast kind of a valid definition.
    package var group: IPAddress?
    /// Where a broadcast goes; nil = the interface's directed broadcast address.
    package var address: IPAddress?
    /// 1–65535: the group's port; for a broadcast the port sent to and listened on.
    package var port: UInt16
    /// nil = the interface of the kernel's route to the destination.
    package var interface: InterfaceSelector?
    /// The only senders joined, (S,G) (RFC 4607); empty = any source, (*,G).
    package var sources: [IPAddress] = []
    /// Source addresses let in; empty = any.
    package var allow: [CIDRBlock] = []
    /// Source addresses refused, also when allowed.
    package var deny: [CIDRBlock] = []
    /// The only source port let in; 0 = any.
    package var requireSourcePort: UInt16
    package var accept: DestinationClassSet
    /// Which unicast is let in where the session has an interface.
    package var hostModel = HostModel.strong
    /// Whether datagrams that this session itself sent are let in.
    package var receiveOwn = false
    /// IP_MULTICAST_LOOP (ip(7)): whether other sockets of this host receive what is sent.
    package var loopback = true
    /// TTL (IPv4) or hop limit (IPv6) of what is sent, 1–255.
    package var ttl: UInt8 = 1
    /// DSCP (RFC 2474) of what is sent, 0–63.
    package var dscp: UInt8 = 0
    /// The source port of a sender; 0 = chosen by the kernel.
    package var localPort: UInt16 = 0
    /// Whether the port is bound without SO_REUSEADDR (socket(7)), so that no other socket has it,
    /// too.
    package var exclusive = false
    package var reply: Reply?
    /// Where accepted datagrams go on to, at most `DefinitionLimits.targetsMax`.
    package var forward: [ForwardTarget] = []
    /// How long a datagram that was relayed is recognised when it comes back from elsewhere; 0 =
    /// not at all.
    package var loopGuardMilliseconds = 1000
    /// What is forwarded from and sent by this session at most, each; nil = no limit.
    package var limits: TrafficLimits?
    package var coalescing = Coalescing.microseconds(0)
    /// Packets remembered, 0–4096.
    package var recentPackets = 64
    /// Bytes kept of each packet, 0–65 535.
    package var snapLength = 256
    /// Whether the DSCP of received packets is remembered (IP_RECVTOS, ip(7)).
    package var recordDSCP = false
    /// SO_RCVBUF to ask for; nil = the system's default.
    package var receiveBufferBytes: Int?
    package var whenUnavailable = WhenUnavailable.fail
    package var labels: [String: String] = [:]
    package var annotations: [String: String] = [:]
    package var enabled = true
    package var persist = true

    /// A definition with the defaults of its kind and role. A broadcast without a role is a peer.
    package init(
        name: SessionName,
        kind: SessionKind,
        role: BroadcastRole? = nil,
        group: IPAddress? = nil,
        port: UInt16
    ) {
        self.name = name
        self.kind = kind
        self.role = kind == .broadcast ? role ?? .peer : nil
        self.group = group
        self.port = port
        switch kind {
        case .multicastSender: accept = [.unicast]
        case .multicastReceiver: accept = [.multicast]
        case .multicastPeer: accept = [.multicast, .unicast]
        case .broadcast: accept = [.broadcast, .unicast]
        }
        requireSourcePort = kind == .multicastReceiver || self.role == .receiver ? 0 : port
    }

    /// Whether datagrams can be posted to the session.
    package var sends: Bool { kind != .multicastReceiver && role != .receiver }

    /// Whether the session is a member of its group.
    package var joins: Bool { kind == .multicastReceiver || kind == .multicastPeer }

    /// The address family of the session's socket.
    package var family: IPAddress.Family { group?.family ?? .ipv4 }

    /// The port to bind; 0 = chosen by the kernel.
    package var portToBind: UInt16 {
        kind == .multicastSender || role == .sender ? localPort : port
    }

    /// Whether other sockets may bind its port (SO_REUSEADDR, socket(7)). A sender's port is its
    /// own: shared, the unicast replies would go to only one of them.
    package var sharesPort: Bool {
        portToBind != 0 && !exclusive && role != .sender && kind != .multicastSender
    }
}
