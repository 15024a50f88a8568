import HTTPHosting
import RelayModel

/// Who made a request, and what they may do.
final class Caller: Principal, Equatable {
    /// The name that logs show.
    let id: String
    /// What they may do.
    let scopes: Set<Scope>
    /// The sessions that they may reach; nil for all.
    let selector: LabelSelector?
    /// How many requests they may make; nil for the limit of everybody.
    let rate: Rate?

    init(id: String, scopes: Set<Scope>, selector: LabelSelector?, rate: Rate?) {
        self.id = id
        self.scopes = scopes
        self.selector = selector
        self.rate = rate
    }

    static func == (left: Caller, right: Caller) -> Bool {
        left === right
            || left.id == right.id && left.scopes == right.scopes
                && left.selector == right.selector && left.rate == right.rate
    }

    /// Whoever asks where no token is needed.
    static let anonymous = Caller(
        id: Keyring.anonymousID,
        scopes: [.administer],
        selector: nil,
        rate: nil
    )

    /// Whether a session with these labels is there for the caller at all.
    func mayReach(_ labels: [String: String]) -> Bool { selector?.admits(labels) ?? true }
}
