import RelayModel
import Testing

@testable import RelayEngine

@Suite struct HandlerQueueTests {
    @Test func onlySoManyRunAtOnceAndSoManyWait() throws {
        let gate = Gate()
        try withHandler(shell("\(gate.wait); echo done", concurrencyMax: 2)) { asking in
            asking.ask()
            asking.ask()
            #expect(eventually { asking.values.runs == 2 })
            let waiting = UInt64(HandlerQueue.waitingMax)
            for count in 3...waiting + 5 {
                asking.ask()
                #expect(eventually { asking.session.values.accepted.datagrams == count })
            }
            #expect(eventually { asking.values.busy == 3 })
            #expect(asking.values.runs == 2)
            gate.open()
            for _ in 0..<waiting + 2 { #expect(asking.answer() == "done\n") }
            #expect(asking.values.runs == waiting + 2 && asking.values.busy == 3)
        }
    }

    @Test func onlySoManyBytesWait() throws {
        let gate = Gate()
        try withHandler(shell("\(gate.wait); echo done", concurrencyMax: 1)) { asking in
            asking.ask()
            #expect(eventually { asking.values.runs == 1 })
            let largest = [UInt8](repeating: 7, count: 65_507)
            let fitting = UInt64(HandlerQueue.waitingBytesMax / largest.count)
            #expect(fitting == 16)
            for count in 2...fitting + 3 {
                asking.ask(largest)
                #expect(eventually { asking.session.values.accepted.datagrams == count })
            }
            #expect(eventually { asking.values.busy == 2 })
            // A small one still fits.
            asking.ask()
            gate.open()
            for _ in 0..<fitting + 2 { #expect(asking.answer() == "done\n") }
            #expect(asking.values.busy == 2)
        }
    }

    @Test func oneHandlerDoesNotHoldUpAnother() throws {
        let gate = Gate()
        let other = anyHandlerName("other")
        try withHandler(shell("\(gate.wait); echo done", concurrencyMax: 1)) { asking in
            asking.engine.setHandlers([
                handlerName: shell("\(gate.wait); echo done", concurrencyMax: 1),
                other: shell("echo other"),
            ])
            for _ in 0..<10 { asking.ask() }
            #expect(eventually { asking.session.values.accepted.datagrams == 10 })
            var definition = asking.session.definition
            definition.reply = Reply(.handler(other))
            _ = try asking.engine.update(asking.session, to: definition)
            asking.ask()
            #expect(asking.answer() == "other\n")
            gate.open()
        }
    }

    @Test func anUnknownHandlerIsRefused() throws {
        try withHandler(shell("echo done")) { asking in
            var definition = asking.session.definition
            definition.reply = Reply(.handler(anyHandlerName("unknown")))
            definition.ttl = 7
            #expect(throws: SessionError.self) {
                try asking.engine.update(asking.session, to: definition)
            }
            #expect(asking.engine.refusal(of: definition)?.code == .handlerNotFound)
            asking.ask()
            #expect(asking.answer() == "done\n")
            definition.port = try freePort()
            do {
                let session = try asking.engine.open(
                    definition,
                    activity: SessionActivity(definition)
                )
                asking.engine.stop(session)
                Issue.record("it was opened")
            } catch {
                #expect((error as? SessionError)?.code == .handlerNotFound)
            }
        }
    }

    @Test func anotherCommandTakesOverAndNoneAnswersNothing() throws {
        try withHandler(shell("echo old")) { asking in
            asking.ask()
            #expect(asking.answer() == "old\n")
            asking.engine.setHandlers([handlerName: shell("echo new")])
            asking.ask()
            #expect(asking.answer() == "new\n")
            asking.engine.setHandlers([:])
            #expect(asking.engine.handlerNames.isEmpty)
            #expect(
                asking.engine.refusal(of: asking.session.definition)?.code == .handlerNotFound
            )
            asking.ask()
            #expect(eventually { asking.values.busy == 1 })
            #expect(asking.values.runs == 2)
        }
    }

    @Test func answersLeaveRoomInTheMailboxForSends() throws {
        try withHandler(shell("echo done")) { asking in
            let mailbox = try Mailbox()
            let answer = HandlerAnswer(
                session: asking.session,
                queue: try #require(asking.session.handler),
                route: AnswerRoute(
                    destination: asking.client.endpoint,
                    interfaceIndex: 0,
                    localAddress: nil,
                    ttl: nil
                ),
                payload: [1],
                isFirst: true
            )
            for _ in 0..<Mailbox.answersMax { #expect(mailbox.post(.reply(answer))) }
            #expect(!mailbox.post(.reply(answer)))
            #expect(mailbox.post(.send(asking.session, SendRequest([])) { _ in }))
        }
    }

    @Test func descriptorsAreCountedForWhatMayRun() {
        #expect(HandlerDescriptors.countMax([Handler]()) == 0)
        #expect(HandlerDescriptors.countMax([shell("true", concurrencyMax: 4)]) == 17)
        let many = Array(repeating: shell("true", concurrencyMax: 64), count: 64)
        #expect(HandlerDescriptors.countMax(many) == 3 * 256 + 5)
    }
}
