import HTTPHosting
import RelayModel

/// A bearer token (RFC 6750) as the operator wrote it down: what it may do, but not its secret.
package struct Token: Sendable, Equatable {
    /// The name that logs show.
    package let id: String
    /// The digest of the secret.
    let digest: SHA256Digest
    /// What its bearer may do.
    let scopes: Set<Scope>
    /// The sessions that its bearer may reach; nil for all.
    let selector: LabelSelector?
    /// From when on it is refused; nil for never.
    let expiresAt: Timestamp?
    /// How many requests its bearer may make; nil for the limit of everybody.
    let rate: Rate?

    /// The caller that bears it.
    var caller: Caller { Caller(id: id, scopes: scopes, selector: selector, rate: rate) }
}

/// Who may use the unix socket without a token, by what the kernel says of the process that
/// connected (SO_PEERCRED, unix(7)).
package struct UnixPeer: Sendable, Equatable {
    /// The name that logs show.
    package let id: String
    /// The effective user; nil for any.
    let userID: UInt32?
    /// The effective group, never a supplementary one, which the kernel does not tell; nil for any.
    let groupID: UInt32?
    /// What it may do.
    let scopes: Set<Scope>
    /// The sessions that it may reach; nil for all.
    let selector: LabelSelector?

    /// Whether the rule is about the process.
    func matches(_ credentials: Peer.Credentials) -> Bool {
        (userID ?? credentials.userID) == credentials.userID
            && (groupID ?? credentials.groupID) == credentials.groupID
    }

    /// The caller that the process is.
    var caller: Caller { Caller(id: id, scopes: scopes, selector: selector, rate: nil) }
}
