import Foundation
import Glibc
import Testing

@testable import SessionStore

/// What holds across processes: each test has a part that runs in a child process.
@Suite struct SQLiteStoreProcessTests {
    @Test func whatWasInsertedBeforeAKillIsThereAfterIt() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let store = try SQLiteStore(directory: path)
            for number in 0..<200 {
                try store.insert(.example("session-\(number)"))
            }
            kill(getpid(), SIGKILL)
        }
        let store = try SQLiteStore(directory: path)
        #expect(try store.all().count == 200)
        // The lock has died with the process, and the store works on.
        try store.insert(.example("another"))
    }

    @Test func aDatabaseThatAnotherProcessHasOpenIsLocked() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        let store = try SQLiteStore(directory: path)
        await #expect(processExitsWith: .exitCode(3)) { [path = path as String] in
            do {
                _ = try SQLiteStore(directory: path)
            } catch let error as StoreError where error.kind == .locked {
                exit(3)
            }
        }
        try store.close()
    }

    /// The child gives up root, which may write anywhere; where the tests are not run by root the
    /// call fails and the child is an ordinary user anyway.
    @Test func aDirectoryOrFileWithoutWritePermissionIsUnavailable() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        try directory.fill(count: 1)
        for (file, directoryMode) in [(0o444, 0o777), (0o644, 0o555), (0o000, 0o777)] {
            try setMode(file, of: directory.database)
            try setMode(directoryMode, of: path)
            await #expect(processExitsWith: .exitCode(3)) { [path = path as String] in
                _ = setuid(65534)
                do {
                    _ = try SQLiteStore(directory: path)
                } catch let error as StoreError where error.kind == .unavailable {
                    exit(3)
                } catch {
                    print(error)
                }
            }
        }
        try setMode(0o700, of: path)
        try setMode(0o600, of: directory.database)
        #expect(try SQLiteStore(directory: path).all().count == 1)
    }

    private func setMode(_ mode: Int, of path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }
}
