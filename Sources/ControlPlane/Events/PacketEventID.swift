import RelayModel

/// How the event of a packet is called: `SINCE-SEQUENCE`, as sequence numbers begin anew with each
/// incarnation of a session and with each run of the daemon.
enum PacketEventID {
    /// The id of a packet of a session.
    static func text(_ sequence: UInt64, of session: ManagedSession) -> String {
        "\(since(session))-\(sequence)"
    }

    /// The sequence number in an id; nil when it is not one of this session as it is observed now.
    static func sequence(_ id: String, of session: ManagedSession) -> UInt64? {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == since(session) else { return nil }
        return UInt64(parts[1]).flatMap { $0 <= UInt64(Int64.max) ? $0 : nil }
    }

    private static func since(_ session: ManagedSession) -> String {
        String(session.observedSince.nanoseconds, radix: 16)
    }
}
