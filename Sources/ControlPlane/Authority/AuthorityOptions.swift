/// Whom the service believes.
package struct AuthorityOptions: Sendable, Equatable {
    /// What the tokens file says; nil without one: then loopback and the unix socket may do
    /// everything, and nobody else anything.
    package var keyring: Keyring?

    /// Whether programs of this host may do everything over a loopback address without a token,
    /// although there is a keyring.
    package var trustsLoopback = false

    /// Whether whoever can open the unix socket may do everything without a token, although there
    /// is a keyring.
    package var trustsUnixSocket = false

    /// The defaults: no keyring.
    package init() {}
}
