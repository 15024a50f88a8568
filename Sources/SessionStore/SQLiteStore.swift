import Foundation
import GRDB
import Synchronization

/// The definitions in one SQLite file, which belongs to this process alone while it is open.
///
/// The journal is a write-ahead log and every commit is flushed to the disk (synchronous=FULL), so
/// that what was acknowledged survives a crash (sqlite.org/pragma.html#pragma_synchronous).
///
/// A commit whose flush fails is undone in memory, but stands whole in the log, and the next start
/// would take it for one that succeeded. So a failed write is followed by an empty one in its place
/// in the log, and until that one has succeeded nothing else is written. This also settles what a
/// failed fsync(2) has lost: the kernel does not write those pages again, but SQLite does, as it
/// begins where the last flushed commit ended.
package final class SQLiteStore: DefinitionStore {
    /// The name of the database in the data directory.
    package static let fileName = "relaycast.sqlite3"

    /// The database file.
    package let path: String

    /// The one connection; internal so that tests can make SQLite fail.
    let connection: DatabaseQueue

    /// Held during every call, so that none of them meets a connection that is being closed: GRDB
    /// crashes on a closed one.
    private let lock = NSLock()

    /// Whether ``close()`` was called; written with the lock held.
    private let isClosed = Atomic(false)

    /// Whether a failed write may stand in the log; read and written with the lock held.
    private let isLogInDoubt = Atomic(false)

    /// The files that were opened.
    private let files: OpenedFiles

    /// Opens the database in a directory, and makes both if they are missing (the directory with
    /// mode 0700). A database that cannot be used as it is, is refused and left as it is.
    package init(directory: String) throws(StoreError) {
        path = directory + "/" + Self.fileName
        try Self.makeDirectory(directory, for: path)
        try Self.refuseRemains(of: path)
        connection = try Self.open(path)
        files = OpenedFiles(path: path)
    }

    package func write(_ changes: [StoreChange]) throws(StoreError) {
        if changes.isEmpty { return }
        try write { database in
            for change in changes { try database.make(change, path: path) }
        }
    }

    package func all() throws(StoreError) -> [StoredSession] {
        try withConnection { connection in
            try connection.read { database in
                try Row.fetchAll(database, sql: "SELECT * FROM session ORDER BY name")
                    .map(StoredSession.init(row:))
            }
        }
    }

    package func answers() throws(StoreError) -> [StoredAnswer] {
        try withConnection { connection in
            try connection.read { database in
                try Row.fetchAll(database, sql: "SELECT * FROM answer ORDER BY createdAt, key")
                    .map(StoredAnswer.init(row:))
            }
        }
    }

    package func close() throws(StoreError) {
        lock.lock()
        defer { lock.unlock() }
        guard !isClosed.load(ordering: .relaxed) else { return }
        do {
            try connection.close()
            isClosed.store(true, ordering: .relaxed)
        } catch {
            throw StoreError(error, path: path)
        }
    }

    /// Runs one transaction.
    private func write<Result>(
        _ body: (Database) throws -> Result
    ) throws(StoreError) -> Result {
        try withConnection { connection in
            try files.requireInPlace()
            if isLogInDoubt.load(ordering: .relaxed) {
                try overwriteFailedWrite(connection)
            }
            do {
                return try connection.write(body)
            } catch {
                if StoreError(error, path: path).isOfTheDisk {
                    isLogInDoubt.store(true, ordering: .relaxed)
                    // If it fails too, the next write begins with it; this one has its error.
                    try? overwriteFailedWrite(connection)
                }
                throw error
            }
        }
    }

    /// Commits a page that has not changed where the failed write stands in the log.
    private func overwriteFailedWrite(_ connection: DatabaseQueue) throws {
        try connection.write { try $0.execute(sql: "PRAGMA user_version = 0") }
        isLogInDoubt.store(false, ordering: .relaxed)
    }

    /// Runs one call with the connection, while it is open.
    private func withConnection<Result>(
        _ body: (DatabaseQueue) throws -> Result
    ) throws(StoreError) -> Result {
        lock.lock()
        defer { lock.unlock() }
        if isClosed.load(ordering: .relaxed) {
            throw .closed(path: path)
        }
        do {
            return try body(connection)
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError(error, path: path)
        }
    }
}

extension Database {
    fileprivate func make(_ change: StoreChange, path: String) throws {
        switch change {
        case .insert(let session):
            try execute(
                sql: """
                    INSERT INTO session
                        (name, id, kind, definition, generation, createdAt, updatedAt)
                    VALUES (:name, :id, :kind, :definition, :generation, :createdAt, :updatedAt)
                    """,
                arguments: session.arguments
            )
        case .replace(let session):
            try execute(
                sql: """
                    UPDATE session SET
                        id = :id, kind = :kind, definition = :definition,
                        generation = :generation, createdAt = :createdAt, updatedAt = :updatedAt
                    WHERE name = :name
                    """,
                arguments: session.arguments
            )
            if changesCount == 0 {
                throw StoreError(.absent, "The database \(path) has no session \(session.name).")
            }
        case .delete(let name):
            try execute(sql: "DELETE FROM session WHERE name = ?", arguments: [name])
        case .remember(let answer):
            try execute(
                sql: """
                    INSERT OR REPLACE INTO answer (key, fingerprint, answer, createdAt)
                    VALUES (:key, :fingerprint, :answer, :createdAt)
                    """,
                arguments: answer.arguments
            )
        case .forget(let key):
            try execute(sql: "DELETE FROM answer WHERE key = ?", arguments: [key])
        }
    }
}

extension StoredAnswer {
    fileprivate var arguments: StatementArguments {
        [
            "key": key, "fingerprint": fingerprint, "answer": answer, "createdAt": createdAt,
        ]
    }

    /// A row of the table. The STRICT table guarantees the types.
    fileprivate init(row: Row) {
        self.init(
            key: row["key"],
            fingerprint: row["fingerprint"],
            answer: row["answer"],
            createdAt: row["createdAt"]
        )
    }
}

extension StoredSession {
    /// The values of a statement's parameters, by column name.
    fileprivate var arguments: StatementArguments {
        [
            "name": name, "id": id, "kind": kind, "definition": definition,
            "generation": generation, "createdAt": createdAt, "updatedAt": updatedAt,
        ]
    }

    /// A row of the table. The STRICT table guarantees the types.
    fileprivate init(row: Row) {
        self.init(
            name: row["name"],
            id: row["id"],
            kind: row["kind"],
            definition: row["definition"],
            generation: row["generation"],
            createdAt: row["createdAt"],
            updatedAt: row["updatedAt"]
        )
    }
}
