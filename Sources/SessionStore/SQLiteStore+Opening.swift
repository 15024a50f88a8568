import Foundation
import GRDB

extension SQLiteStore {
    /// Makes the data directory, readable by this user alone, unless it exists.
    static func makeDirectory(_ directory: String, for path: String) throws(StoreError) {
        do {
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw .unavailable(path: path, because: obstacle(to: directory))
        }
    }

    /// What stands in the way of making a directory: the nearest part of its path that exists.
    /// Foundation's error names neither the part nor the reason.
    private static func obstacle(to directory: String) -> String {
        var part = URL(fileURLWithPath: directory)
        while part.path != "/" {
            if let attributes = try? FileManager.default.attributesOfItem(atPath: part.path) {
                return attributes[.type] as? FileAttributeType == .typeDirectory
                    ? "nothing can be made in \(part.path)" : "\(part.path) is not a directory"
            }
            part.deleteLastPathComponent()
        }
        return "nothing can be made in /"
    }

    /// Refuses two states that SQLite takes for a new database. It would delete the log of an empty
    /// or missing one, but what is in that log was acknowledged; and it would overwrite a file
    /// shorter than the smallest page, 512 bytes (sqlite.org/fileformat.html#pages).
    static func refuseRemains(of path: String) throws(StoreError) {
        let bytes = size(path)
        if bytes == 0, size(path + "-wal") > 0 {
            throw .corrupt(path: path, because: "it is empty or missing, but its log is not")
        }
        if (1..<512).contains(bytes) {
            throw .corrupt(path: path, because: "its \(bytes) bytes are less than a page")
        }
    }

    /// What SQLite keeps of the file; by default it would be 2 MiB.
    private static let cacheKibibytes = 256

    /// Opens the file, takes it for this process, checks it, and only then changes it.
    ///
    /// A log that a killed daemon has left is read, but goes into the file only once the database
    /// is ours: closing the connection of a refused one would otherwise put it there. A log that
    /// SQLite itself makes meanwhile is not kept.
    static func open(_ path: String) throws(StoreError) -> DatabaseQueue {
        do {
            var configuration = Configuration()
            configuration.label = "SessionStore"
            // A lock that is held now will be held for as long as its daemon runs.
            configuration.busyMode = .immediateError
            configuration.prepareDatabase { database in
                if FileManager.default.fileExists(atPath: path + "-wal") {
                    try database.keepLogOnClose(true)
                }
                // Before the first access, so that the lock is exclusive from then until the end.
                try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
                try database.execute(sql: "PRAGMA synchronous = FULL")
                // Definitions are read at the start only; the kernel has the file in memory, too.
                try database.execute(sql: "PRAGMA cache_size = -\(cacheKibibytes)")
            }
            let connection = try DatabaseQueue(path: path, configuration: configuration)
            try connection.writeWithoutTransaction { database in
                try takeForWriting(database)
                try check(database, path: path)
                try useWriteAheadLog(database)
            }
            try StoreSchema.migrator.migrate(connection)
            try connection.writeWithoutTransaction { try $0.keepLogOnClose(false) }
            return connection
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError(error, path: path)
        }
    }

    /// An empty exclusive transaction; with locking_mode EXCLUSIVE its lock outlives it.
    private static func takeForWriting(_ database: Database) throws {
        try database.inTransaction(.exclusive) { .commit }
    }

    /// Refuses a database that is damaged, of another program, or of a later version.
    private static func check(_ database: Database, path: String) throws {
        let findings = try String.fetchAll(database, sql: "PRAGMA quick_check(1)")
        if findings != ["ok"] {
            throw StoreError.corrupt(path: path, because: findings.joined(separator: "; "))
        }
        let applicationID = try Int32.fetchOne(database, sql: "PRAGMA application_id")
        let objects = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
        // A daemon that was killed before its first migration has left an empty database.
        if objects > 0, applicationID != StoreSchema.applicationID {
            throw StoreError.foreign(path: path)
        }
        if try StoreSchema.migrator.hasBeenSuperseded(database) {
            throw StoreError.newer(path: path)
        }
    }

    /// Marks the file as ours and switches its journal to a write-ahead log.
    private static func useWriteAheadLog(_ database: Database) throws {
        if try Int32.fetchOne(database, sql: "PRAGMA application_id") != StoreSchema.applicationID {
            try database.execute(sql: "PRAGMA application_id = \(StoreSchema.applicationID)")
        }
        let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL")
        if mode != "wal" {
            throw DatabaseError(message: "the write-ahead log cannot be used here")
        }
    }

    /// A file's size in bytes; 0 if there is none.
    private static func size(_ path: String) -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return attributes?[.size] as? Int ?? 0
    }
}
