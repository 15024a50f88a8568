/// Why the daemon could not start, in a sentence that says what to do.
package struct StartupError: Error, CustomStringConvertible {
    package enum Kind: Sendable {
        /// The database is locked, corrupt, newer or foreign.
        case store
        /// The data directory cannot be made or written, or the disk is full.
        case storeUnavailable
        /// An address cannot be listened on.
        case listen
        /// The system has no descriptors or threads left.
        case other
    }

    package let kind: Kind
    package let sentence: String

    init(_ kind: Kind, _ sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }

    package var description: String { sentence }
}
