/// Who asks, as a gate found out: a token, a user of the host, a certificate.
package protocol Principal: Sendable {
    /// Names the principal in logs; never a secret.
    var id: String { get }
}
