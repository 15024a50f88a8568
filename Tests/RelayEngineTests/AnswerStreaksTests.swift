import RelayModel
import Testing

@testable import RelayEngine

@Suite struct AnswerStreaksTests {
    private let second: Int64 = 1_000_000_000

    private func source(_ port: UInt16, host: UInt32 = 2) -> Endpoint {
        Endpoint(IPAddress(ipv4: 0xC0A8_0A00 + host), port: port)
    }

    /// How many in a row are admitted of these, a millisecond apart.
    private func admitted(_ count: Int, from port: UInt16, localPort: UInt16 = 6666) -> Int {
        var streaks = AnswerStreaks()
        return (0..<count).count { number in
            streaks.admits(source(port), localPort: localPort, at: Int64(number) * 1_000_000)
        }
    }

    @Test func aClientIsAlwaysAnswered() {
        #expect(admitted(1000, from: 32_768) == 1000)
        #expect(admitted(1000, from: 65_535) == 1000)
    }

    @Test(arguments: [6666, 53, 32_767])
    func whatMayBeAResponderIsAnsweredAFewTimes(port: UInt16) {
        #expect(admitted(1000, from: port) == 1 + AnswerStreaks.answersMax)
    }

    @Test func theSessionsOwnPortIsNoClients() {
        #expect(admitted(1000, from: 40_000, localPort: 40_000) == 1 + AnswerStreaks.answersMax)
    }

    @Test func aSecondOfSilenceEndsAStreak() {
        var streaks = AnswerStreaks()
        for _ in 0..<10 { _ = streaks.admits(source(53), localPort: 1, at: 0) }
        let early = streaks.admits(source(53), localPort: 1, at: second)
        let late = streaks.admits(source(53), localPort: 1, at: 2 * second + 1)
        #expect(!early && late)
    }

    @Test func otherHostsHaveStreaksOfTheirOwn() {
        var streaks = AnswerStreaks()
        let hosts = 1...UInt32(AnswerStreaks.entriesMax + 1)
        for _ in 0..<10 { _ = streaks.admits(source(53), localPort: 1, at: 0) }
        let others = hosts.map { streaks.admits(source(53, host: 100 + $0), localPort: 1, at: 1) }
        #expect(others.allSatisfy { $0 })
    }
}
