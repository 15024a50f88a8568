import GRDB

extension StoreError {
    /// What an SQLite result code (sqlite.org/rescode.html) means to the person who runs the daemon.
    init(_ error: any Error, path: String) {
        if let error = error as? StoreError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.failed, "The database \(path) cannot be used: \(error).")
            return
        }
        let said = error.message ?? "no message"
        switch (error.resultCode, error.extendedResultCode) {
        case (.SQLITE_BUSY, _), (.SQLITE_LOCKED, _):
            self = .locked(path: path)
        case (.SQLITE_CORRUPT, _), (.SQLITE_NOTADB, _), (_, .SQLITE_IOERR_SHORT_READ):
            self = .corrupt(path: path, because: said)
        case (.SQLITE_FULL, _):
            self.init(
                .full,
                "There is no space left for the database \(path). Nothing was changed. "
                    + "Make room on that file system and try again."
            )
        case (_, .SQLITE_IOERR_FSYNC), (_, .SQLITE_IOERR_DIR_FSYNC):
            self = .unavailable(path: path, because: "the disk did not confirm what was written")
        case (.SQLITE_READONLY, _), (.SQLITE_CANTOPEN, _), (.SQLITE_PERM, _), (.SQLITE_AUTH, _),
            (.SQLITE_IOERR, _):
            self = .unavailable(path: path, because: said)
        case (_, .SQLITE_CONSTRAINT_PRIMARYKEY), (_, .SQLITE_CONSTRAINT_UNIQUE):
            self.init(.nameInUse, "The database \(path) has a session of that name or id.")
        default:
            self.init(.failed, "The database \(path) refused: \(said) (\(error.resultCode)).")
        }
    }

    /// Another process has the database.
    static func locked(path: String) -> StoreError {
        StoreError(
            .locked,
            "The database \(path) is in use by another process. Stop that relaycast, or close the "
                + "tool that has the file open, or choose another data directory."
        )
    }

    /// The file is damaged, as `because` says.
    static func corrupt(path: String, because: String) -> StoreError {
        StoreError(
            .corrupt,
            "The database \(path) is damaged (\(because)). It has been left as it is. Restore it "
                + "from a backup, or, to start without sessions, move it and the file "
                + "\(path)-wal away."
        )
    }

    /// The tables are of a later version.
    static func newer(path: String) -> StoreError {
        StoreError(
            .newer,
            "The database \(path) was written by a newer relaycast. It has been left as it is. "
                + "Run that version again, or choose another data directory."
        )
    }

    /// The file belongs to another program.
    static func foreign(path: String) -> StoreError {
        StoreError(
            .foreign,
            "The file \(path) is a database of another program. It has been left as it is. "
                + "Choose another data directory."
        )
    }

    /// The store was used after it was closed.
    static func closed(path: String) -> StoreError {
        StoreError(.closed, "The database \(path) has been closed.")
    }

    /// The database, or its log, is no longer where it was opened.
    static func removed(_ path: String) -> StoreError {
        StoreError(
            .unavailable,
            "The file \(path) was removed or replaced while it was in use. What is written now would "
                + "be lost, so nothing is. Put it back, or start relaycast again."
        )
    }

    /// The file or its folder cannot be used, as `because` says.
    static func unavailable(path: String, because: String) -> StoreError {
        StoreError(
            .unavailable,
            "The database \(path) cannot be opened or written (\(because)). Check that its "
                + "folder exists and that this user may write there, or choose another data "
                + "directory."
        )
    }
}
