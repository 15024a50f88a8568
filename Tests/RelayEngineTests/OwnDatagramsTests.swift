import RelayModel
import Testing

@testable import RelayEngine

@Suite struct OwnDatagramsTests {
    let group = IPAddress(ipv4: 0xEFFF_0101)

    @Test func aCopyIsTakenOnce() {
        let own = Own()
        own.noteSent([1, 2], to: group, at: moment(0))
        #expect(own.takeCopy([1, 2], to: group, at: moment(0)))
        #expect(!own.takeCopy([1, 2], to: group, at: moment(0)))
    }

    @Test func payloadLengthAndDestinationTellDatagramsApart() {
        let own = Own()
        own.noteSent([1, 2], to: group, at: moment(0))
        #expect(!own.takeCopy([1, 3], to: group, at: moment(0)))
        #expect(!own.takeCopy([1, 2, 0], to: group, at: moment(0)))
        #expect(!own.takeCopy([1, 2], to: loopbackIPv4, at: moment(0)))
        #expect(own.takeCopy([1, 2], to: group, at: moment(0)))
    }

    @Test func identicalPayloadsOfTwoPeersAreCountedRight() {
        let own = Own()
        for _ in 0..<3 { own.noteSent([7], to: group, at: moment(0)) }
        var taken = 0
        // Three copies of ours and three of the other peer on the same port.
        for _ in 0..<6 where own.takeCopy([7], to: group, at: moment(1)) { taken += 1 }
        #expect(taken == 3)
    }

    @Test func emptyDatagramsHaveCopiesToo() {
        let own = Own()
        #expect(!own.takeCopy([], to: group, at: moment(0)))
        own.noteSent([], to: group, at: moment(0))
        #expect(own.takeCopy([], to: group, at: moment(0)))
    }

    @Test func whatHasNotComeInTimeWillNotCome() {
        let own = Own()
        let lifetime = OwnDatagrams.lifetimeNanoseconds
        own.noteSent([1], to: group, at: moment(0))
        own.noteSent([2], to: group, at: moment(1))
        #expect(!own.takeCopy([1], to: group, at: moment(lifetime + 1)))
        #expect(own.takeCopy([2], to: group, at: moment(lifetime + 1)))
    }

    @Test func theNewest1024AreRemembered() {
        let own = Own()
        for number in 0...1024 { own.noteSent(payload(number), to: group, at: moment(0)) }
        #expect(!own.takeCopy(payload(0), to: group, at: moment(0)))
        for number in 1...1024 {
            #expect(own.takeCopy(payload(number), to: group, at: moment(0)))
        }
        // All used up, and room for more.
        #expect(!own.takeCopy(payload(5), to: group, at: moment(0)))
        own.noteSent(payload(5), to: group, at: moment(0))
        #expect(own.takeCopy(payload(5), to: group, at: moment(0)))
    }

    @Test func whereCopiesComeMoreAreRemembered() {
        let own = Own()
        own.noteSent(payload(5000), to: group, at: moment(0))
        #expect(own.takeCopy(payload(5000), to: group, at: moment(0)))
        // The oldest one is forgotten when all are in use.
        for number in 0...OwnDatagrams.entriesMax {
            own.noteSent(payload(number), to: group, at: moment(0))
        }
        #expect(!own.takeCopy(payload(0), to: group, at: moment(0)))
        for number in (1...OwnDatagrams.entriesMax).shuffled() {
            #expect(own.takeCopy(payload(number), to: group, at: moment(0)))
            #expect(!own.takeCopy(payload(number), to: group, at: moment(0)))
        }
    }

    /// Equal at both ends and in length: only the hash tells them apart.
    @Test func theMiddleOfAPayloadTellsDatagramsApart() {
        let own = Own()
        func payload(_ number: Int) -> [UInt8] {
            [UInt8](repeating: 1, count: 8) + self.payload(number) + [1, 1, 1, 1, 1, 1, 1, 1]
        }
        for number in 0..<200 { own.noteSent(payload(number), to: group, at: moment(0)) }
        #expect(!own.takeCopy(payload(200), to: group, at: moment(0)))
        for number in [100, 199, 0, 198, 1] {
            #expect(own.takeCopy(payload(number), to: group, at: moment(0)))
            #expect(!own.takeCopy(payload(number), to: group, at: moment(0)))
        }
    }

    /// Few payloads, so that lists are long, and times that let entries expire in them.
    @Test(arguments: [(3, 4), (40, 4), (3000, 4), (3000, 1), (60_000, 1)])
    func aListOfWhatWasSentSaysTheSame(payloads: Int, millisecondsMax: Int64) {
        let own = Own()
        var capacity = OwnDatagrams.entriesMin
        var sent: [(number: Int, at: Int64)] = []
        var now: Int64 = 0
        var taken = 0
        for step in 0..<30_000 {
            now += Int64.random(in: 0...millisecondsMax * 1_000_000)
            let number = Int.random(in: 0..<payloads)
            if step % 1000 < 400 {
                own.noteSent(payload(number), to: group, at: moment(now))
                sent.append((number, now))
                if sent.count <= capacity { continue }
                let isWaiting = sent[0].at >= now - OwnDatagrams.lifetimeNanoseconds
                if taken > 0 && isWaiting && capacity < OwnDatagrams.entriesMax {
                    capacity *= 2
                } else {
                    sent.removeFirst()
                }
            } else {
                let index = sent.firstIndex {
                    $0.number == number && $0.at >= now - OwnDatagrams.lifetimeNanoseconds
                }
                if own.takeCopy(payload(number), to: group, at: moment(now)) != (index != nil) {
                    Issue.record("step \(step) differs")
                    return
                }
                // Its place in the ring stays taken until it is overwritten.
                if let index {
                    sent[index].at = .min
                    taken += 1
                }
            }
        }
        #expect(taken > (payloads > 3000 ? 0 : 100))
    }

    private func payload(_ number: Int) -> [UInt8] {
        [UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)]
    }

    /// Monotonic nanoseconds of a machine that has been up for a while.
    private func moment(_ nanoseconds: Int64) -> Int64 { 1_800_000_000_000_000 + nanoseconds }
}

/// Lends arrays as spans.
private final class Own {
    private var datagrams = OwnDatagrams()

    func noteSent(_ payload: [UInt8], to destination: IPAddress, at now: Int64) {
        datagrams.noteSent(payload.span, to: destination, at: now)
    }

    func takeCopy(_ payload: [UInt8], to destination: IPAddress, at now: Int64) -> Bool {
        datagrams.takeCopy(payload.span, to: destination, at: now)
    }
}
