import Testing

@testable import ControlPlane
@testable import HTTPHosting
@testable import RelayModel

/// What is remembered of events, and what is told of them.
@Suite struct EventLogTests {
    let log = EventLog()

    private func replayed(after number: UInt64) -> String {
        switch log.replay(after: Revision(instance: log.revision.instance, number: number)) {
        case .gap(let reason): reason
        case .events(let events): events.map { String($0.revision.number) }.joined(separator: " ")
        }
    }

    @Test func asManyEventsAreRememberedAsTheLimitSays() throws {
        let session = try idleSession("a")
        #expect(log.revision.number == 0 && replayed(after: 0) == "")
        for _ in 0..<EventLog.eventsMax { log.created(session) }
        #expect(log.revision.number == 1024)
        #expect(replayed(after: 0).hasPrefix("1 2 3 "))
        #expect(replayed(after: 1022) == "1023 1024" && replayed(after: 1024) == "")
        log.deleted(session)
        #expect(replayed(after: 0) == "gap")
        #expect(replayed(after: 1).hasPrefix("2 3 ") && replayed(after: 1).hasSuffix(" 1025"))
        #expect(replayed(after: 1026) == "unknown-revision")
    }

    @Test func largeEventsAreRememberedForAShorterTime() throws {
        let large = try idleSession("a", annotations: ["a": String(repeating: "x", count: 500_000)])
        for _ in 0..<8 { log.created(large) }
        #expect(replayed(after: 0) == "1 2 3 4 5 6 7 8")
        log.created(large)
        #expect(replayed(after: 0) == "gap" && replayed(after: 1).hasPrefix("2 "))
        // One that is larger than all that is remembered is not.
        let huge = try idleSession(
            "b",
            annotations: ["a": String(repeating: "x", count: 5_000_000)]
        )
        log.created(huge)
        #expect(replayed(after: 9) == "gap" && replayed(after: 10) == "")
    }

    @Test func anEventIsReplayedAsItWasSent() throws {
        let sent = HTTPHosting.Locked<[[UInt8]]>([])
        log.onEvent { event in sent.withLock { $0.append(event.frame) } }
        let session = try idleSession("a")
        log.created(session)
        // What it is now is no matter of what it was.
        session.setStopped(.failed, SessionError(.interfaceUnavailable, "gone"))
        log.stateChanged(session)
        log.deleted(session)
        let start = Revision(instance: log.revision.instance, number: 0)
        guard case .events(let events) = log.replay(after: start) else {
            Issue.record("the events were forgotten")
            return
        }
        let frames = sent.withLock { $0 }
        #expect(events.map(\.frame) == frames)
        let states = frames.map { String(decoding: $0, as: UTF8.self).contains("\"failed\"") }
        #expect(states == [false, true, false])
    }

    @Test func everyRunHasItsOwnRevisions() throws {
        log.created(try idleSession("a"))
        guard case .gap("restarted") = EventLog().replay(after: log.revision) else {
            Issue.record("another run knows the revision")
            return
        }
    }

    @Test(
        arguments: [
            "0123abcd-0", "0123abcd-9999999999999999999", "0123abcd-10000000000000000000",
            "0123abcd-01",
            "0123abc-1", "0123abcde-1", "0123ABCD-1", "0123abcg-1", "0123abcd-", "0123abcd",
            "0123abcd-1-2", "0123abcd-+1", "-1", "",
        ]
    )
    func aRevisionIsReadAsItIsWritten(text: String) {
        let isOne = ["0123abcd-0", "0123abcd-9999999999999999999"].contains(text)
        #expect(Revision(text)?.description == (isOne ? text : nil))
    }

    @Test func aChangeIsSeenByTheLabelsBeforeAndAfter() throws {
        let seen = HTTPHosting.Locked<[SessionEvent]>([])
        log.onEvent { event in seen.withLock { $0.append(event) } }
        let old = try idleSession("a", labels: ["env": "prod"])
        let new = try idleSession("a", labels: ["env": "test"])
        let definition = try #require(new.definition)
        log.updated(ManagedSession(changing: old, to: definition), from: old)
        let event = try #require(seen.withLock { $0.first })
        func told(_ value: String?) -> String? {
            event.frame { value == nil ? false : $0["env"] == value }
                .map { String(decoding: $0, as: UTF8.self) }
        }
        let id = "id: \(log.revision)\n"
        #expect(told("test")?.hasPrefix(id + "event: session.updated\n") == true)
        #expect(told("prod")?.hasPrefix(id + "event: session.deleted\n") == true)
        #expect(told("other") == nil && told(nil) == nil)
    }
}
