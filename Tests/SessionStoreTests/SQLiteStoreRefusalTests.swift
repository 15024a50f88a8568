import Foundation
import GRDB
import Testing

@testable import SessionStore

/// What the store does with a database that it must not use: it says so, and changes nothing.
@Suite struct SQLiteStoreRefusalTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test func aDatabaseThatAnotherStoreHasOpenIsLocked() throws {
        let first = try SQLiteStore(directory: directory.path)
        let start = ContinuousClock.now
        try expectRefusal(.locked)
        #expect(ContinuousClock.now - start < .seconds(1))
        try first.insert(.example("cam1"))
        try first.close()
        #expect(try SQLiteStore(directory: directory.path).all().count == 1)
    }

    @Test(arguments: ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "BEGIN; SELECT * FROM session"])
    func aDatabaseThatAToolIsUsingIsLocked(transaction: String) throws {
        try directory.fill(count: 1)
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let tool = try DatabaseQueue(path: directory.database, configuration: configuration)
        try tool.writeWithoutTransaction { try $0.execute(sql: transaction) }
        try expectRefusal(.locked)
        try tool.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try tool.close()
        #expect(try SQLiteStore(directory: directory.path).all().count == 1)
    }

    @Test func aToolCannotWriteWhileTheStoreIsOpen() throws {
        let store = try SQLiteStore(directory: directory.path)
        try store.insert(.example("cam1"))
        #expect(throws: DatabaseError.self) { try directory.execute("DELETE FROM session") }
        #expect(try store.all().count == 1)
    }

    @Test func aDatabaseOfALaterVersionIsRefused() throws {
        try directory.fill(count: 1)
        try directory.execute("INSERT INTO grdb_migrations VALUES ('from the future')")
        try expectRefusalLeavingTheFile(.newer)
    }

    @Test func aDatabaseOfAnotherProgramIsRefused() throws {
        try directory.execute("CREATE TABLE bookmark (url TEXT)")
        try expectRefusalLeavingTheFile(.foreign)
    }

    @Test func aDatabaseOfALaterVersionKeepsItsLog() throws {
        try directory.fill(count: 1)
        try directory.executeLeavingALog(
            "INSERT INTO grdb_migrations VALUES ('from the future')"
        )
        try expectRefusalLeavingTheFile(.newer)
        #expect(directory.logBytes()?.isEmpty == false)
        // A refusal leaves no lock behind either.
        try directory.execute("DELETE FROM grdb_migrations WHERE identifier LIKE 'from%'")
        #expect(try SQLiteStore(directory: directory.path).all().count == 1)
    }

    @Test func aDatabaseOfAnotherProgramKeepsItsLog() throws {
        try directory.executeLeavingALog("CREATE TABLE bookmark (url TEXT)")
        try expectRefusalLeavingTheFile(.foreign)
        #expect(directory.logBytes()?.isEmpty == false)
    }

    /// The log has a page of the table, not the first one of the file.
    @Test(arguments: ["header", "page"])
    func aDamagedDatabaseKeepsItsLog(damage: String) throws {
        try directory.fill(count: 300)
        try directory.executeLeavingALog(
            "UPDATE session SET generation = 2 WHERE name = 'session-7'"
        )
        var bytes = try directory.bytes()
        let start = damage == "header" ? 0 : bytes.count / 4096 / 2 * 4096
        bytes.replaceSubrange(start..<start + 100, with: Data(repeating: 0x5A, count: 100))
        try directory.write(bytes)
        try expectRefusalLeavingTheFile(.corrupt)
        #expect(directory.logBytes()?.isEmpty == false)
    }

    /// SQLite finds nothing to copy in such a log and would delete it.
    @Test(arguments: ["", "not a log"])
    func aRefusedDatabaseKeepsALogWithoutCommits(log: String) throws {
        try directory.execute("PRAGMA journal_mode = WAL; CREATE TABLE bookmark (url TEXT)")
        try Data(log.utf8).write(to: URL(fileURLWithPath: directory.database + "-wal"))
        try expectRefusalLeavingTheFile(.foreign)
    }

    @Test func aLockedDatabaseKeepsItsLog() throws {
        try directory.fill(count: 1)
        try directory.executeLeavingALog("UPDATE session SET generation = 2")
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let tool = try DatabaseQueue(path: directory.database, configuration: configuration)
        try tool.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
        try expectRefusalLeavingTheFile(.locked)
        #expect(directory.logBytes()?.isEmpty == false)
        try tool.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try tool.close()
    }

    @Test func theLogOfAnAcceptedDatabaseGoesIntoItWhenItIsClosed() throws {
        try directory.fill(count: 1)
        try directory.executeLeavingALog("UPDATE session SET generation = 2")
        let store = try SQLiteStore(directory: directory.path)
        #expect(try store.all().map(\.generation) == [2])
        try store.close()
        #expect(directory.logBytes() == nil)
    }

    @Test func aFileThatIsNoDatabaseIsRefused() throws {
        try directory.write(Data("This is a letter, not a database.\n".utf8))
        try expectRefusalLeavingTheFile(.corrupt)
    }

    @Test func aDamagedHeaderIsRefused() throws {
        try directory.fill(count: 1)
        var bytes = try directory.bytes()
        bytes.replaceSubrange(0..<16, with: Data(repeating: 0x41, count: 16))
        try directory.write(bytes)
        try expectRefusalLeavingTheFile(.corrupt)
    }

    @Test func aDamagedPageIsRefused() throws {
        try directory.fill(count: 300)
        var bytes = try directory.bytes()
        let page = bytes.count / 4096 / 2 * 4096
        bytes.replaceSubrange(page..<page + 4096, with: Data(repeating: 0x5A, count: 4096))
        try directory.write(bytes)
        try expectRefusalLeavingTheFile(.corrupt)
    }

    @Test(arguments: [1, 511, 512, 4096, 9000])
    func aTruncatedDatabaseIsRefused(length: Int) throws {
        try directory.fill(count: 300)
        try directory.write(try directory.bytes().prefix(length))
        try expectRefusalLeavingTheFile(.corrupt)
    }

    @Test func aLogWithoutItsDatabaseIsRefusedAndKept() throws {
        let log = directory.database + "-wal"
        try Data("acknowledged".utf8).write(to: URL(fileURLWithPath: log))
        try expectRefusal(.corrupt)
        #expect(FileManager.default.contents(atPath: log) == Data("acknowledged".utf8))
    }

    @Test func anEmptyFileIsANewDatabase() throws {
        try directory.write(Data())
        #expect(try SQLiteStore(directory: directory.path).all().isEmpty)
    }

    @Test func aDirectoryThatCannotBeMadeIsUnavailable() throws {
        let file = directory.path + "/file"
        try Data().write(to: URL(fileURLWithPath: file))
        for path in [file, file + "/below"] {
            let error = #expect(throws: StoreError.self) { try SQLiteStore(directory: path) }
            #expect(error?.kind == .unavailable)
            #expect(error?.sentence.contains("file is not a directory") == true, "\(error as Any)")
        }
    }

    @Test func aDirectoryInPlaceOfTheFileIsUnavailable() throws {
        try FileManager.default.createDirectory(
            atPath: directory.database,
            withIntermediateDirectories: false
        )
        try expectRefusal(.unavailable)
    }

    /// Opening throws an error of this kind, whose sentence names the file.
    private func expectRefusal(
        _ kind: StoreError.Kind,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) {
            try SQLiteStore(directory: directory.path)
        }
        #expect(error?.kind == kind, "\(error as Any)", sourceLocation: sourceLocation)
        #expect(
            error?.sentence.contains(directory.database) == true,
            sourceLocation: sourceLocation
        )
    }

    /// The same, and the file and its log have the same bytes as before.
    private func expectRefusalLeavingTheFile(
        _ kind: StoreError.Kind,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let (before, logBefore) = (try directory.bytes(), directory.logBytes())
        try expectRefusal(kind, sourceLocation: sourceLocation)
        #expect(try directory.bytes() == before, sourceLocation: sourceLocation)
        #expect(directory.logBytes() == logBefore, sourceLocation: sourceLocation)
    }
}
