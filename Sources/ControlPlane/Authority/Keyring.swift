import HTTPHosting

/// Who may use the API: what the tokens file says.
package struct Keyring: Sendable, Equatable {
    /// The tokens; their ids and those of `unixPeers` are all different.
    package let tokens: [Token]
    /// The rules for the unix socket, of which the first that matches counts.
    package let unixPeers: [UnixPeer]

    /// Most entries of each kind: every request with a token is compared with all.
    static let entriesMax = 1000
    /// The id of a caller that did not say who it is, which no entry may have.
    static let anonymousID = "anonymous"

    /// The token with this secret, expired or not; nil if there is none.
    ///
    /// All digests are compared, so that the time it takes does not tell where the right one is.
    /// A test counts the comparisons through `isEqual`.
    func token(
        bearing secret: String,
        isEqual: (SHA256Digest, SHA256Digest) -> Bool = { $0 == $1 }
    ) -> Token? {
        let digest = SHA256Digest(of: Array(secret.utf8))
        var found: Token?
        for token in tokens where isEqual(token.digest, digest) { found = token }
        return found
    }

    /// The rule for a process that connected to the unix socket.
    func unixPeer(_ credentials: Peer.Credentials) -> UnixPeer? {
        unixPeers.first { $0.matches(credentials) }
    }
}
