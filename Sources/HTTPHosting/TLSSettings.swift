/// What a listener that speaks TLS shows to its clients, and asks of them.
///
/// TLS 1.2 and 1.3, with forward secrecy and authenticated encryption only.
package struct TLSSettings: Sendable, Equatable {
    /// PEM: the server's own certificate, then those that lead to its authority; at most 16.
    package var certificateChain: [UInt8]

    /// PEM: the key of the server's own certificate, without a password.
    package var privateKey: [UInt8]

    /// PEM: the authorities one of which must have issued each client's certificate. A client
    /// without one, or with one that is out of its time, weaker than 112 bits, or not made for
    /// clients, does not get through the handshake; whether it was revoked is not looked at. nil
    /// asks clients for nothing.
    package var clientAuthorities: [UInt8]?

    /// Settings; see the properties.
    package init(
        certificateChain: [UInt8],
        privateKey: [UInt8],
        clientAuthorities: [UInt8]? = nil
    ) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.clientAuthorities = clientAuthorities
    }
}

extension TLSSettings: CustomStringConvertible {
    /// Says how long the parts are, and nothing of the key.
    package var description: String {
        "certificateChain: \(certificateChain.count) bytes, privateKey: secret, "
            + "clientAuthorities: \(clientAuthorities.map { "\($0.count) bytes" } ?? "none")"
    }
}
