/// Who asks, as a gate found out: a token, a user of the host, a certificate.
///
/// A reference, because every request has one.
package protocol Principal: AnyObject, Sendable {
    /// Names the principal in logs; never a secret.
    var id: String { get }
}
