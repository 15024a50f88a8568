import Foundation

/// The database and its log as they were opened.
///
/// SQLite goes on writing to files that have no name any more, or another one; what it commits
/// there is gone after the next start (sqlite.org/howtocorrupt.html#unlink).
struct OpenedFiles {
    private let path: String
    private let database: FileIdentity?
    private let log: FileIdentity?

    /// The files of the database at `path`, which is open and has a write-ahead log.
    init(path: String) {
        self.path = path
        database = FileIdentity(path: path)
        log = FileIdentity(path: path + "-wal")
    }

    /// Throws ``StoreError/Kind/unavailable`` unless both are where they were.
    func requireInPlace() throws(StoreError) {
        if database == nil || FileIdentity(path: path) != database {
            throw .removed(path)
        }
        if log == nil || FileIdentity(path: path + "-wal") != log {
            throw .removed(path + "-wal")
        }
    }
}

/// Which file a path leads to: device and inode (stat(2)).
private struct FileIdentity: Equatable {
    private let device: Int
    private let inode: Int

    /// The file at `path`; nil if there is none.
    init?(path: String) {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            let device = attributes[.systemNumber] as? Int,
            let inode = attributes[.systemFileNumber] as? Int
        else { return nil }
        self.device = device
        self.inode = inode
    }
}
