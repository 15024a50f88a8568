import HTTPHosting
import RelayModel

/// On whose behalf the registry is changed.
struct WriteContext: Sendable {
    /// Who owns what is created, and whose sessions may be changed.
    let origin: SessionOrigin
    /// The request's id for the log; nil where no request asked.
    let requestID: String?
    /// Which sessions may be named to whoever asks.
    let names: @Sendable (ManagedSession) -> Bool

    /// A request to the API.
    static func request(_ request: Request) -> WriteContext {
        WriteContext(origin: .api, requestID: request.id) { request.reaches($0) }
    }

    /// The configuration file.
    static let configuration = WriteContext(origin: .configuration, requestID: nil) { _ in true }
}

/// What has become of a session that somebody wants as it is defined.
enum WriteOutcome: String, Sendable, CaseIterable {
    case created
    case updated
    /// It was so already; nothing was touched.
    case unchanged
    case deleted
    case failed
}
