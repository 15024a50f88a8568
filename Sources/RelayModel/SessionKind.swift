/// What a session does; it decides which fields a definition may have.
package enum SessionKind: String, Sendable, CaseIterable {
    /// Sends to a group; receives the unicast replies.
    case multicastSender = "multicast-sender"
    /// Joins a group and receives; may reply to each datagram.
    case multicastReceiver = "multicast-receiver"
    /// Joins a group, receives from it and sends to it on one port.
    case multicastPeer = "multicast-peer"
    /// Sends to and receives from a broadcast address, as its role says; IPv4 only.
    case broadcast

    package var isMulticast: Bool { self != .broadcast }
}

/// Which side of a broadcast a session is.
package enum BroadcastRole: String, Sendable, CaseIterable {
    case sender
    case receiver
    case peer
}
