import Foundation
import GRDB
import Testing

@testable import SessionStore

/// What the store does with a database that is in order.
@Suite struct SQLiteStoreTests {
    let directory: TemporaryDirectory
    let store: SQLiteStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteStore(directory: directory.path)
    }

    @Test func anInsertedSessionIsThereWithAllItsFieldsAfterReopening() throws {
        var session = StoredSession.example("cam1", definition: #"{"text":"é \"quoted\" 日本"}"#)
        session.generation = 7
        session.updatedAt = session.createdAt - 5
        try store.insert(session)
        try store.close()
        #expect(try SQLiteStore(directory: directory.path).all() == [session])
    }

    @Test func sessionsAreListedByName() throws {
        for name in ["b", "a-10", "c", "a-9"] {
            try store.insert(.example(name))
        }
        #expect(try store.all().map(\.name) == ["a-10", "a-9", "b", "c"])
    }

    @Test func replacingOverwritesEverythingButTheName() throws {
        try store.insert(.example("cam1"))
        try store.insert(.example("cam2"))
        var changed = StoredSession.example("cam1", definition: #"{"port":1}"#)
        changed.kind = "broadcast"
        changed.generation = 2
        try store.replace(changed)
        #expect(try store.all().first == changed)
        #expect(try store.all().count == 2)
    }

    @Test func replacingAnAbsentSessionThrows() throws {
        let error = #expect(throws: StoreError.self) { try store.replace(.example("none")) }
        #expect(error?.kind == .absent)
    }

    @Test func deletingLeavesNoSession() throws {
        try store.insert(.example("cam1"))
        try store.delete(name: "cam1")
        #expect(try store.all().isEmpty)
        try store.delete(name: "cam1")
    }

    @Test func changesAreMadeInOrderAllOfThemOrNone() throws {
        try store.insert(.example("cam1"))
        var changed = StoredSession.example("cam1")
        changed.generation = 7
        let answer = StoredAnswer(key: "k", fingerprint: "f", answer: "a", createdAt: 5)
        try store.write([
            .replace(changed), .insert(.example("cam2")), .delete(name: "cam2"),
            .insert(.example("cam3")), .remember(answer),
        ])
        #expect(try store.all().map(\.name) == ["cam1", "cam3"])
        #expect(try store.all().first?.generation == 7)
        #expect(try store.answers() == [answer])

        let error = #expect(throws: StoreError.self) {
            try store.write([
                .delete(name: "cam1"), .forget(key: "k"), .insert(.example("cam3")),
            ])
        }
        #expect(error?.kind == .nameInUse)
        #expect(try store.all().map(\.name) == ["cam1", "cam3"])
        #expect(try store.answers() == [answer])
        try store.write([])
    }

    @Test func anAnswerTakesThePlaceOfOneWithItsKey() throws {
        let first = StoredAnswer(key: "k", fingerprint: "f", answer: "a", createdAt: 5)
        let second = StoredAnswer(key: "k", fingerprint: "g", answer: "b", createdAt: 4)
        try store.write([.remember(first), .remember(second)])
        #expect(try store.answers() == [second])
        try store.write([.forget(key: "k"), .forget(key: "none")])
        #expect(try store.answers().isEmpty)
    }

    @Test func aSecondSessionOfTheSameNameOrIdentifierIsRefused() throws {
        let first = StoredSession.example("cam1")
        try store.insert(first)
        var sameID = StoredSession.example("cam2")
        sameID.id = first.id
        for session in [StoredSession.example("cam1"), sameID] {
            let error = #expect(throws: StoreError.self) { try store.insert(session) }
            #expect(error?.kind == .nameInUse)
        }
        #expect(try store.all() == [first])
    }

    @Test(arguments: ["", "{", "nonsense"])
    func aDefinitionThatIsNoJSONIsRefusedByTheTable(definition: String) throws {
        let session = StoredSession.example("cam1", definition: definition)
        let error = #expect(throws: StoreError.self) { try store.insert(session) }
        #expect(error?.kind == .failed)
        #expect(try store.all().isEmpty)
    }

    @Test func everyCommitIsFlushedToAWriteAheadLog() throws {
        // 2 is FULL.
        let expected = ["journal_mode": "wal", "synchronous": "2", "locking_mode": "exclusive"]
        for (pragma, value) in expected {
            let actual = try store.connection.read { database in
                try String.fetchOne(database, sql: "PRAGMA \(pragma)")
            }
            #expect(actual == value)
        }
    }

    @Test func aFullDiskIsReportedAndLosesNothing() throws {
        try store.insert(.example("cam1"))
        // SQLite answers SQLITE_FULL for a full file system and for this limit alike.
        try limitPages(to: 1)
        let large = StoredSession.example(
            "cam2",
            definition: "\"" + String(repeating: "x", count: 100_000) + "\""
        )
        let error = #expect(throws: StoreError.self) { try store.insert(large) }
        #expect(error?.kind == .full)
        #expect(error?.sentence.contains(directory.database) == true)
        #expect(try store.all().map(\.name) == ["cam1"])
        try limitPages(to: 1_000_000)
        try store.insert(large)
        #expect(try store.all().map(\.name) == ["cam1", "cam2"])
    }

    @Test(arguments: ["", "-wal"])
    func aFileThatWasTakenAwayIsNotWrittenTo(suffix: String) throws {
        try store.insert(.example("cam1"))
        let (file, away) = (directory.database + suffix, directory.path + "/away")
        try FileManager.default.moveItem(atPath: file, toPath: away)
        for replacement in [nil, Data()] {
            try replacement?.write(to: URL(fileURLWithPath: file))
            let insertion = #expect(throws: StoreError.self) {
                try store.insert(.example("cam2"))
            }
            #expect(insertion?.kind == .unavailable)
            #expect(insertion?.sentence.contains("\(file) was removed or replaced") == true)
            #expect(throws: StoreError.self) { try store.delete(name: "cam1") }
        }
        try FileManager.default.removeItem(atPath: file)
        try FileManager.default.moveItem(atPath: away, toPath: file)
        try store.insert(.example("cam3"))
        #expect(try store.all().map(\.name) == ["cam1", "cam3"])
    }

    @Test func aClosedStoreThrows() throws {
        try store.close()
        try store.close()
        let error = #expect(throws: StoreError.self) { try store.all() }
        #expect(error?.kind == .closed)
    }

    @Test func aMissingDirectoryIsMadeForThisUserOnly() throws {
        let path = directory.path + "/a/b"
        _ = try SQLiteStore(directory: path)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o700)
    }

    private func limitPages(to count: Int) throws {
        try store.connection.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA max_page_count = \(count)")
        }
    }
}
