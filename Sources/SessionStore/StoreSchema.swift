import GRDB

/// The tables of the store and how each version of the daemon changed them.
enum StoreSchema {
    /// Marks an SQLite file as ours (PRAGMA application_id): "RLYC" in ASCII.
    static let applicationID: Int32 = 0x524C_5943

    /// Every change of the tables, oldest first. A released migration is never edited: what comes
    /// later is a migration of its own.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("session") { database in
            try database.execute(
                sql: """
                    CREATE TABLE session (
                        name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 63),
                        id TEXT NOT NULL UNIQUE CHECK (length(id) = 36),
                        kind TEXT NOT NULL CHECK (kind <> ''),
                        definition TEXT NOT NULL CHECK (json_valid(definition)),
                        generation INTEGER NOT NULL CHECK (generation >= 1),
                        createdAt INTEGER NOT NULL,
                        updatedAt INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID
                    """
            )
        }
        migrator.registerMigration("answer") { database in
            try database.execute(
                sql: """
                    CREATE TABLE answer (
                        key TEXT NOT NULL PRIMARY KEY CHECK (key <> ''),
                        fingerprint TEXT NOT NULL,
                        answer TEXT NOT NULL,
                        createdAt INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID
                    """
            )
        }
        return migrator
    }
}
