import CSQLite
import GRDB

extension Database {
    /// Whether closing the connection leaves the write-ahead log as it is, instead of copying it
    /// into the database and deleting it (SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
    /// sqlite.org/c3ref/c_dbconfig_defensive.html).
    func keepLogOnClose(_ keep: Bool) throws {
        // Safe because the connection is open while GRDB lends this Database, and the call keeps
        // no pointer.
        let code = unsafe relaycast_sqlite_keep_log_on_close(sqliteConnection, keep ? 1 : 0)
        if code != SQLITE_OK {
            throw DatabaseError(resultCode: ResultCode(rawValue: code))
        }
    }
}
