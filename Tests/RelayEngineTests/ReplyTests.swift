import RelayModel
import Testing

@testable import RelayEngine

@Suite struct ReplyTests {
    @Test func textAndBytesAreAnsweredToTheSender() throws {
        for content in [Reply.Content.text("pong"), .bytes(Array("pong".utf8))] {
            try withReceiver(Reply(content)) { session, group, port in
                let client = try TestSocket()
                client.send([1], to: group, port)
                let answer = try #require(client.receive())
                #expect(answer.payload == Array("pong".utf8))
                #expect(answer.source == Endpoint(loopbackIPv4, port: port))
                #expect(eventually { session.values.replied == Traffic(datagrams: 1, bytes: 4) })
                #expect(session.values.sent.datagrams == 0 && session.values.lastSentAt != nil)
            }
        }
    }

    @Test func aTemplateIsRenderedForEachDatagram() throws {
        let template = try ReplyTemplate(
            "{hostname} {source.port} {destination.address} {interface} {length} {sequence}"
        )
        try withReceiver(Reply(.template(template))) { _, group, port in
            let client = try TestSocket()
            client.send([1, 2, 3], to: group, port)
            let answer = try #require(client.receive())
            let expected = "host-a \(client.port) \(group) lo 3 1"
            #expect(String(decoding: answer.payload, as: UTF8.self) == expected)
            client.send([], to: group, port)
            let second = try #require(client.receive())
            // The first reply took sequence number 2.
            let text = String(decoding: second.payload, as: UTF8.self)
            #expect(text == "host-a \(client.port) \(group) lo 0 3")
        }
    }

    @Test func theLargestReplyLeavesForEveryDatagramOfABatch() throws {
        let payload = [UInt8](repeating: 7, count: DefinitionLimits.datagramBytesMax)
        try withReceiver(Reply(.bytes(payload))) { session, group, port in
            let client = try TestSocket()
            for _ in 0..<20 { client.send([1], to: group, port) }
            for _ in 0..<20 { #expect(client.receive()?.payload == payload) }
            #expect(eventually { session.values.replied.datagrams == 20 })
        }
    }

    @Test func droppedDatagramsAreNotAnswered() throws {
        try withReceiver(Reply(.text("pong"))) { session, group, port in
            let client = try TestSocket()
            client.send([1], to: loopbackIPv4, port)
            client.send([1], to: group, port)
            #expect(client.receive() != nil)
            #expect(
                session.values.replied.datagrams <= 1
                    && client.receive(withinMilliseconds: 0) == nil
            )
        }
    }

    @Test func repliesBeyondTheRateAreHeldBackAndCounted() throws {
        try withReceiver(Reply(.text("pong"), perSecondMax: 1)) { session, group, port in
            let client = try TestSocket()
            for _ in 0..<50 { client.send([1], to: group, port) }
            #expect(eventually { session.values.accepted.datagrams == 50 })
            #expect(
                eventually {
                    session.values.replied.datagrams + session.values.repliesRateLimited == 50
                }
            )
            #expect(session.values.repliesRateLimited > 40)
        }
    }

    @Test func aReplyToAClosedPortIsCountedAndOthersAreAnswered() throws {
        try withReceiver(Reply(.text("pong"), perSecondMax: 10_000)) { session, group, port in
            for _ in 0..<20 { try TestSocket().send([1], to: group, port) }
            let client = try TestSocket()
            client.send([2], to: group, port)
            #expect(client.receive() != nil)
            #expect(eventually { session.values.replied.datagrams == 21 })
        }
    }

    private func withReceiver(
        _ reply: Reply,
        _ body: (RelaySession, IPAddress, UInt16) throws -> Void
    ) throws {
        try withEngine { engine in
            let receiver = definition(
                .multicastReceiver,
                group: anyGroup(),
                port: try freePort()
            ) { $0.reply = reply }
            let session = try engine.run(receiver)
            defer { engine.stop(session) }
            try body(session, try #require(receiver.group), receiver.port)
        }
    }
}
