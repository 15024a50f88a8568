/// Which unicast a session on one interface takes for its own (RFC 1122, 3.3.4.2).
package enum HostModel: String, Sendable, CaseIterable {
    /// What comes in by the session's interface and is for an address of it.
    case strong
    /// What comes in by any interface for any address of this host, as Linux itself does it.
    case weak
}
