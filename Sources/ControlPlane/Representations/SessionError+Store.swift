import RelayModel
import SessionStore

extension SessionError {
    /// What a client is told whose write the store refused. The store's own sentence names paths
    /// and is for whoever runs the daemon.
    init(_ error: StoreError) {
        switch error.kind {
        case .full:
            self.init(
                .storeFull,
                "there is no space left for the definition; nothing was done, try again when there is"
            )
        case .unavailable:
            self.init(
                .storeUnavailable,
                "the disk did not take the definition; nothing was done, the log says why"
            )
        case .locked, .corrupt, .newer, .foreign, .nameInUse, .absent, .closed, .failed:
            self.init(
                .internal,
                "the definition could not be written (\(error.kind.rawValue)); the log says why"
            )
        }
    }
}
