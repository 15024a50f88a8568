/// Why the store could not be opened, or could not do what was asked.
package struct StoreError: Error, Sendable, Equatable {
    /// What went wrong, for programs.
    package enum Kind: String, Sendable, CaseIterable {
        /// Another process has the database open.
        case locked
        /// The file is no SQLite database, or its pages contradict each other.
        case corrupt
        /// A later version of the daemon has changed the tables.
        case newer
        /// The file is an SQLite database of some other program.
        case foreign
        /// The folder or the file cannot be made, read or written.
        case unavailable
        /// The disk, or the quota on it, is full.
        case full
        /// The name or the id to insert is taken.
        case nameInUse
        /// There is no session of that name to replace.
        case absent
        /// The store has been closed.
        case closed
        /// SQLite refused for a reason that should not occur; the sentence quotes it.
        case failed
    }

    /// What went wrong, for programs.
    package let kind: Kind

    /// What went wrong and what to do about it, for people; names the file.
    package let sentence: String

    /// Whether the disk is to blame, so that the same call may succeed once that is mended.
    package var isOfTheDisk: Bool { kind == .full || kind == .unavailable }

    /// An error from its parts.
    package init(_ kind: Kind, _ sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }
}

extension StoreError: CustomStringConvertible {
    /// The sentence.
    package var description: String { sentence }
}
