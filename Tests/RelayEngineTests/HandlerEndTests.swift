import Glibc
import RelayModel
import Testing

@testable import RelayEngine

@Suite struct HandlerEndTests {
    @Test func aRunThatTakesTooLongIsEndedWithItsGroup() throws {
        try withHandler(shell("echo $$; sleep 300 & wait", timeoutSeconds: 1)) { asking in
            asking.ask()
            let group = try #require(asking.answer().flatMap { Int32($0.dropLast()) })
            #expect(!isGone(group: group))
            #expect(eventually { asking.failed(.timeOut) == 1 })
            #expect(eventually { isGone(group: group) })
        }
    }

    @Test func whatDoesNotHeedSIGTERMIsKilled() throws {
        let script = "trap '' TERM; echo $$; while :; do sleep 300; done"
        try withHandler(shell(script, timeoutSeconds: 1)) { asking in
            asking.ask()
            let group = try #require(asking.answer().flatMap { Int32($0.dropLast()) })
            #expect(eventually { asking.failed(.timeOut) == 1 })
            #expect(eventually { isGone(group: group) })
            #expect(asking.values.failed.reduce(0, +) == 1)
        }
    }

    @Test func whatARunPrintsAfterItsTimeIsNotSent() throws {
        let script = "trap 'echo late; exit 0' TERM; echo early; while :; do sleep 0.05; done"
        try withHandler(shell(script, timeoutSeconds: 1)) { asking in
            asking.ask()
            #expect(asking.answer() == "early\n")
            #expect(eventually { asking.failed(.timeOut) == 1 })
            #expect(asking.client.receive(withinMilliseconds: 0) == nil)
        }
    }

    @Test func whatARunLeavesBehindEndsWithIt() throws {
        try withHandler(shell("sleep 300 & echo $$")) { asking in
            asking.ask()
            let group = try #require(asking.answer().flatMap { Int32($0.dropLast()) })
            #expect(eventually { isGone(group: group) })
            #expect(asking.values.failed == [0, 0, 0, 0])
        }
    }

    @Test func aChangedSessionSendsNoMoreOfItsOldHandler() throws {
        let gate = Gate()
        try withHandler(shell("echo $$; \(gate.wait); echo late")) { asking in
            asking.ask()
            let group = try #require(asking.answer().flatMap { Int32($0.dropLast()) })
            var definition = asking.session.definition
            definition.reply = Reply(.text("text"))
            _ = try asking.engine.update(asking.session, to: definition)
            asking.ask()
            #expect(asking.answer() == "text")
            gate.open()
            #expect(eventually { isGone(group: group) })
            for _ in 0..<3 {
                asking.ask()
                #expect(asking.answer() == "text")
            }
            #expect(asking.values.runs == 1 && asking.values.failed == [0, 0, 0, 0])
        }
    }

    @Test func nothingIsLeftOfRuns() async {
        await #expect(processExitsWith: .success) {
            let scripts = [
                "echo done", "echo done; exit 3", "echo done; sleep 300 &", "yes done",
                "echo done; exec 1>&- 2>&-; sleep 0.1", "echo done; kill -KILL $$",
            ]
            for script in scripts {
                try withHandler(shell(script)) { asking in
                    asking.ask()
                    if asking.answer() != "done\n" { exit(2) }
                    if !eventually({ hasNoChildren() }) { exit(3) }
                    let before = openDescriptors(of: "pipe:") + openDescriptors(of: "anon_inode:")
                    for _ in 0..<20 {
                        asking.ask()
                        if asking.answer() != "done\n" { exit(4) }
                    }
                    if !eventually({ asking.values.runs == 21 && hasNoChildren() }) { exit(5) }
                    // They are closed a moment after the last command was reaped.
                    let areClosed = eventually {
                        openDescriptors(of: "pipe:") + openDescriptors(of: "anon_inode:") <= before
                    }
                    if !areClosed { exit(6) }
                    if openDescriptors(of: "/memfd:") != 0 { exit(7) }
                }
            }
        }
    }

    @Test func theDescriptorsOfAStoppedSessionAreGoneAlsoWhileCommandsStart() throws {
        try withHandler(Handler(["/bin/true"], concurrencyMax: 64)) { asking in
            let port = try freePort()
            let sender = definition(.multicastSender, group: anyGroup(), port: 9) {
                $0.localPort = port
            }
            for _ in 0..<300 {
                for _ in 0..<3 { asking.ask() }
                // Nobody may hold the port of the one before, not even until execve(2).
                asking.engine.stop(try asking.engine.run(sender))
            }
            #expect(asking.values.runs > 0)
        }
    }

    @Test func runsEndWithTheEngine() async {
        await #expect(processExitsWith: .success) {
            let scripts = [
                "echo $$; sleep 300", "trap '' TERM; echo $$; while :; do sleep 300; done",
            ]
            for script in scripts {
                var group: Int32 = 0
                try withHandler(shell(script, concurrencyMax: 1)) { asking in
                    asking.ask()
                    group = asking.answer().flatMap { Int32($0.dropLast()) } ?? 0
                    // More that wait.
                    for _ in 0..<10 { asking.ask() }
                    if !eventually({ asking.session.values.accepted.datagrams == 11 }) { exit(2) }
                }
                if group == 0 || !hasNoChildren() { exit(3) }
                if !eventually({ isGone(group: group) }) { exit(4) }
                if openDescriptors(of: "pipe:") > 4 { exit(5) }
            }
        }
    }
}
