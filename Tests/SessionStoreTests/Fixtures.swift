import Foundation
import GRDB

@testable import SessionStore

/// A new empty directory that is deleted with the value.
final class TemporaryDirectory {
    let path = NSTemporaryDirectory() + "relaycast-store-" + UUID().uuidString

    /// Where the store keeps its database in this directory.
    var database: String { path + "/" + SQLiteStore.fileName }

    init() throws {
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: false
        )
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The bytes of the database file.
    func bytes() throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: database))
    }

    /// The bytes of the write-ahead log; nil if there is none.
    func logBytes() -> Data? {
        let log = database + "-wal"
        let attributes = try? FileManager.default.attributesOfItem(atPath: log)
        // Foundation leaks a buffer for each empty file it reads, which the sanitizer reports.
        if attributes?[.size] as? UInt64 == 0 { return Data() }
        return FileManager.default.contents(atPath: log)
    }

    /// Runs statements as another program would that is killed after them: they are in the
    /// write-ahead log alone.
    func executeLeavingALog(_ sql: String) throws {
        let connection = try DatabaseQueue(path: database)
        try connection.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0")
            try database.execute(sql: sql)
        }
        let (file, log) = (try bytes(), logBytes())
        try connection.close()
        try write(file)
        try log?.write(to: URL(fileURLWithPath: database + "-wal"))
    }

    /// Writes the database file.
    func write(_ bytes: Data) throws {
        try bytes.write(to: URL(fileURLWithPath: database))
    }

    /// Runs statements on the database file as another program would.
    func execute(_ sql: String) throws {
        let connection = try DatabaseQueue(path: database)
        try connection.writeWithoutTransaction { try $0.execute(sql: sql) }
        try connection.close()
    }

    /// Makes a database with sessions session-0, session-1, … and closes it.
    func fill(count: Int) throws {
        let store = try SQLiteStore(directory: path)
        for number in 0..<count {
            try store.insert(.example("session-\(number)"))
        }
        try store.close()
    }
}

extension StoredSession {
    /// A session with a name of its own and an id made from it.
    static func example(_ name: String, definition: String = #"{"port":5004}"#) -> StoredSession {
        StoredSession(
            name: name,
            id: UUID().uuidString,
            kind: "multicast-receiver",
            definition: definition,
            generation: 1,
            createdAt: 1_764_000_000_123_456_789,
            updatedAt: 1_764_000_000_123_456_789
        )
    }
}
