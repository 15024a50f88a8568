// A fixed-argument wrapper for a variadic call of SQLite, which Swift cannot import and GRDB does
// not offer.
#ifndef RELAYCAST_CSQLITE_H
#define RELAYCAST_CSQLITE_H

#include <sqlite3.h>

/// Wraps sqlite3_db_config(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE): whether closing the connection leaves
/// the write-ahead log as it is (1), or copies it into the database and deletes it (0). Answers a
/// result code.
static inline int relaycast_sqlite_keep_log_on_close(sqlite3 *connection, int keep)
{
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep, (int *)0);
}

#endif
