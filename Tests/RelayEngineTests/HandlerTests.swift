import Glibc
import RelayModel
import Testing

@testable import RelayEngine

@Suite struct HandlerTests {
    @Test func eachLineOfOutputIsAReply() throws {
        try withHandler(shell(#"printf 'one\n\nlast'"#)) { asking in
            asking.ask()
            let first = try #require(asking.client.receive())
            #expect(first.payload == Array("one\n".utf8))
            #expect(first.source == Endpoint(loopbackIPv4, port: asking.port))
            #expect(asking.answer() == "\n")
            #expect(asking.answer() == "last")
            let expected = Traffic(datagrams: 3, bytes: 9)
            #expect(eventually { asking.session.values.replied == expected })
            #expect(asking.values.runs == 1 && asking.values.failed == [0, 0, 0, 0])
            #expect(asking.session.values.sent.datagrams == 0)
            #expect(asking.session.packets().filter { $0.direction == .sent }.count == 3)
        }
    }

    @Test func allOfTheOutputCanBeOneReply() throws {
        let script = #"printf 'a\n\n'; printf '\000\377\n'; sleep 0.1; printf 'last'; exit 3"#
        try withHandler(shell(script, output: .datagram)) { asking in
            asking.ask()
            let answer = try #require(asking.client.receive())
            #expect(answer.payload == Array("a\n\n\0".utf8) + [255] + Array("\nlast".utf8))
            #expect(answer.source == Endpoint(loopbackIPv4, port: asking.port))
            // As behind socat, what it printed counts, also when it ends badly.
            #expect(eventually { asking.failed(.exitStatus) == 1 })
            let expected = Traffic(datagrams: 1, bytes: 10)
            #expect(eventually { asking.session.values.replied == expected })
        }
    }

    @Test func oneReplyLeavesWhenTheOutputEndsThoughTheCommandGoesOn() throws {
        let gate = Gate()
        try withHandler(shell("echo done; exec >&-; \(gate.wait)", output: .datagram)) { asking in
            asking.ask()
            #expect(asking.answer() == "done\n")
            #expect(asking.values.runs == 1)
            gate.open()
        }
    }

    @Test(arguments: [0, 1, 65_506, 65_507, 65_508, 300_000])
    func oneReplyFitsInADatagram(bytes: Int) throws {
        let script = "head -c \(bytes) /dev/zero; echo end >&2"
        try withHandler(shell(script, output: .datagram)) { asking in
            asking.ask()
            #expect(eventually { asking.values.runs == 1 })
            if bytes > 65_507 {
                #expect(eventually { asking.failed(.outputTooLong) == 1 })
                #expect(asking.session.values.replied.datagrams == 0)
            } else if bytes == 0 {
                // Nothing printed, nothing sent, and nothing failed: socat does not answer either.
                asking.engine.stop(asking.session)
                #expect(asking.session.values.replied.datagrams == 0)
                #expect(asking.values.failed == [0, 0, 0, 0])
            } else {
                #expect(asking.client.receive()?.payload.count == bytes)
                #expect(asking.values.failed == [0, 0, 0, 0])
            }
        }
    }

    @Test func aCommandThatTakesTooLongSendsNoPartOfItsReply() throws {
        let script = "echo part; exec sleep 9"
        try withHandler(shell(script, timeoutSeconds: 1, output: .datagram)) { asking in
            asking.ask()
            #expect(eventually(withinSeconds: 5) { asking.failed(.timeOut) == 1 })
            #expect(asking.session.values.replied.datagrams == 0)
        }
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("::1", "[0000:0000:0000:0000:0000:0000:0000:0001]"),
        ("fd00:10::abcd", "[fd00:0010:0000:0000:0000:0000:0000:abcd]"),
    ])
    func addressesAreSpelledAsSocatDoes(text: String, expected: String) throws {
        #expect(HandlerQuestion.socatText(try #require(IPAddress(text))) == expected)
    }

    @Test func theDatagramIsStandardInput() throws {
        try withHandler(Handler(["/bin/cat"])) { asking in
            for count in [1, 4096, 65_507] {
                let question = [UInt8](repeating: 7, count: count)
                asking.ask(question)
                #expect(asking.client.receive()?.payload == question)
            }
            // Nothing in, nothing out.
            asking.ask([])
            #expect(eventually { asking.values.runs == 4 })
            asking.ask([8])
            #expect(asking.client.receive()?.payload == [8])
        }
    }

    @Test func aCommandNeedNotReadItsInput() throws {
        try withHandler(shell("exec 0<&-; echo done")) { asking in
            asking.ask([UInt8](repeating: 7, count: 65_507))
            #expect(asking.answer() == "done\n")
            #expect(eventually { asking.session.values.replied.datagrams == 1 })
            #expect(asking.values.failed == [0, 0, 0, 0])
        }
    }

    @Test func theEnvironmentSaysWhatIsKnownOfTheDatagramAndNothingElse() throws {
        try withHandler(Handler(["/usr/bin/env"])) { asking in
            asking.ask([1, 2, 3])
            let lines = try (0..<10).map { _ in try #require(asking.answer()) }
            #expect(
                lines.sorted() == [
                    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
                    "RELAYCAST_DESTINATION_ADDRESS=\(asking.group)\n",
                    "RELAYCAST_DESTINATION_PORT=\(asking.port)\n",
                    "RELAYCAST_INTERFACE=lo\n",
                    "RELAYCAST_LENGTH=3\n",
                    "RELAYCAST_LOCAL_ADDRESS=127.0.0.1\n",
                    "RELAYCAST_PEER_ADDRESS=127.0.0.1\n",
                    "RELAYCAST_PEER_PORT=\(asking.client.port)\n",
                    "RELAYCAST_SESSION=test\n",
                    "RELAYCAST_TTL=1\n",
                ]
            )
        }
    }

    @Test(
        arguments: [
            (shell("echo sorry; echo why >&2; exit 3"), HandlerFailure.exitStatus, "exit status 3"),
            (shell("echo sorry; echo why >&2; kill -SEGV $$"), .exitStatus, "signal 11"),
            (shell("echo why >&2; yes sorry"), .outputTooLong, ""),
        ]
    )
    func aFailedRunIsCountedAndNoted(
        handler: Handler,
        failure: HandlerFailure,
        detail: String
    ) throws {
        let notes = Locked<[HandlerNote]>([])
        let note: @Sendable (HandlerNote) -> Void = { note in notes.withLock { $0.append(note) } }
        try withHandler(handler, noteHandler: note) { asking in
            asking.ask()
            #expect(asking.answer() == "sorry\n")
            #expect(eventually { asking.failed(failure) == 1 && notes.withLock { $0.count } == 1 })
            #expect(asking.values.runs == 1 && asking.values.failed.reduce(0, +) == 1)
            let note = try #require(notes.withLock { $0.first })
            #expect(note.failure == failure && note.errorLines == ["why"])
            #expect(detail.isEmpty || note.detail == detail)
            #expect(note.peer == asking.client.endpoint && note.handler == handlerName)
        }
    }

    @Test func whatARunPrintsBeyondItsLinesIsNotSent() throws {
        try withHandler(shell("yes")) { asking in
            asking.ask()
            #expect(eventually { asking.failed(.outputTooLong) == 1 })
            #expect(
                eventually { asking.session.values.replied.datagrams == OutputLines.linesMax }
            )
        }
    }

    @Test func aCommandThatCannotBeStartedIsCountedAndNoted() throws {
        let notes = Locked<[HandlerNote]>([])
        let note: @Sendable (HandlerNote) -> Void = { note in notes.withLock { $0.append(note) } }
        try withHandler(Handler(["/nowhere/at-all"]), noteHandler: note) { asking in
            asking.ask()
            #expect(eventually { asking.failed(.notStarted) == 1 && !notes.withLock(\.isEmpty) })
            #expect(asking.values.runs == 0)
            let error = asking.session.activity.recentPackets.summary().lastError
            #expect(error?.operation == "posix_spawn" && error?.errno == "ENOENT")
            #expect(notes.withLock { $0.first?.detail } == "posix_spawn /nowhere/at-all: ENOENT")
        }
    }

    @Test func everyLineCountsForTheRateOfReplies() throws {
        try withHandler(shell("echo 1; echo 2; echo 3"), perSecondMax: 1) { asking in
            asking.ask()
            #expect(asking.answer() == "1\n")
            #expect(eventually { asking.session.values.repliesRateLimited == 2 })
            asking.ask()
            #expect(eventually { asking.session.values.accepted.datagrams == 2 })
            let values = asking.session.values
            #expect(values.replied.datagrams + values.repliesRateLimited >= 3)
        }
    }

    @Test func noSignalIsBlockedOrIgnoredInACommand() async {
        await #expect(processExitsWith: .success) {
            signal(SIGPIPE, SIG_IGN)
            try withHandler(Handler(["/bin/grep", "Sig[BI]", "/proc/self/status"])) { asking in
                asking.ask()
                if asking.answer() != "SigBlk:\t0000000000000000\n" { exit(2) }
                // posix_spawn(3) leaves 32 and 33 ignored, which are glibc's own.
                let ignored = asking.answer()?.dropFirst("SigIgn:\t".count).dropLast() ?? ""
                if UInt64(ignored, radix: 16).map({ $0 & ~0x1_8000_0000 }) != 0 { exit(3) }
            }
        }
    }

    @Test func aCommandHasThreeDescriptors() throws {
        // One that a library forgot to mark.
        let leaked = unsafe open("/dev/null", O_RDONLY)
        defer { close(leaked) }
        try withHandler(Handler(["/bin/ls", "/proc/self/fd"])) { asking in
            asking.ask()
            // 3 is the folder that ls reads.
            #expect((0..<4).map { _ in asking.answer() } == ["0\n", "1\n", "2\n", "3\n"])
            #expect(eventually { asking.session.values.replied.datagrams == 4 })
        }
    }
}
