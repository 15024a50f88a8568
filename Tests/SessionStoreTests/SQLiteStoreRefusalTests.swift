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

    /// The same, and the file has the same bytes as before.
    private func expectRefusalLeavingTheFile(
        _ kind: StoreError.Kind,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try directory.bytes()
        try expectRefusal(kind, sourceLocation: sourceLocation)
        #expect(try directory.bytes() == before, sourceLocation: sourceLocation)
    }
}
