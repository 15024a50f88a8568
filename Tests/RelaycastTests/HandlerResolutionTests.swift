import ControlPlane
import Glibc
import Testing

@testable import relaycast

/// The handlers of the configuration file, and whether their commands are there.
@Suite struct HandlerResolutionTests {
    private func resolve(_ path: String) throws -> Resolution {
        let file = try TemporaryFile(#"{"handlers": {"h": {"argv": ["\#(path)", "-f"]}}}"#)
        return resolution(of: file)
    }

    private func resolution(of file: TemporaryFile) -> Resolution {
        Resolution(flags: [:], file: file.path, environment: [:])
    }

    @Test func aCommandThatIsThereIsTaken() throws {
        let resolution = try resolve("/bin/sh")
        #expect(resolution.problems.isEmpty)
        let handlers = resolution.configuration.options.handlers
        #expect(handlers.values.map(\.arguments) == [["/bin/sh", "-f"]])
        let report = CheckConfiguration.report(resolution)
        #expect(report.contains("handlers") && report.contains("key handlers"))
        #expect(!report.contains("/bin/sh"))
    }

    @Test(arguments: [
        ("/nowhere/at-all", "cannot be run: No such file or directory"),
        ("/etc/passwd", "cannot be run: Permission denied"),
        ("/etc", "is no regular file"),
        ("/dev/null", "is no regular file"),
    ])
    func aCommandThatCannotBeRunIsRefused(path: String, reason: String) throws {
        let problems = try resolve(path).problems
        #expect(problems.count == 1)
        #expect(problems.first?.sentence == "/h/argv/0: \"\(path)\" \(reason)")
    }

    @Test func aCommandThatOthersCanWriteIsRefused() throws {
        let program = try TemporaryFile("#!/bin/sh\n")
        #expect(unsafe chmod(program.path, 0o775) == 0)
        let problems = try resolve(program.path).problems
        #expect(problems.first?.sentence.contains("others than its owner: chmod go-w") == true)
        #expect(unsafe chmod(program.path, 0o755) == 0)
        #expect(try resolve(program.path).problems.isEmpty)
    }

    @Test func whatIsWrongInTheSectionIsNamedWithItsPlace() throws {
        let file = try TemporaryFile(#"{"handlers": {"h": {"argv": ["sh"], "shell": true}}}"#)
        let problems = resolution(of: file).problems
        #expect(problems.count == 2)
        #expect(problems.allSatisfy { $0.origin == .file(path: file.path, key: "handlers") })
        #expect(problems.contains { $0.sentence.hasPrefix("/h/argv: must begin with") })
        #expect(problems.contains { $0.sentence.hasPrefix("/h/shell: ") })
    }

    @Test func aReloadTakesOverOtherHandlers() throws {
        var next = try resolve("/bin/sh")
        #expect(next.adapt(to: DaemonConfiguration()) == [])
        #expect(next.configuration.options.handlers.count == 1)
    }
}
