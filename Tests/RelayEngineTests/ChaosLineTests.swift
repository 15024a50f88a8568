import RelayModel
import Testing

@testable import RelayEngine

@Suite struct ChaosLineTests {
    @Test func withoutFaultsAllPassAtOnceAndInOrder() {
        let line = Line(Chaos())
        for number in 0..<100 { #expect(line.admit(number, at: 0) == ChaosLine.Fate()) }
        #expect(line.nextDue == 0 && line.held == 100)
        #expect(line.taken(at: 0) == Array(0..<100))
        #expect(line.nextDue == nil && line.held == 0)
    }

    @Test func aDatagramComesOutAsItWentIn() {
        let line = Line(Chaos())
        let origin = HeldDatagrams.Origin(
            source: Endpoint(loopbackIPv4, port: 5000),
            localAddress: loopbackIPv4
        )
        let payloads = [[], [UInt8](repeating: 7, count: 65_507), [1, 2, 3]]
        _ = line.admit(payloads[0], ttl: nil, origin: nil, at: 0)
        _ = line.admit(payloads[1], ttl: 255, origin: origin, at: 0)
        _ = line.admit(payloads[2], ttl: 1, origin: nil, at: 0)
        let taken = line.takeAll(at: 0)
        #expect(taken.map(\.payload) == payloads)
        #expect(taken.map(\.ttl) == [nil, 255, 1])
        #expect(taken.map(\.origin) == [nil, origin, nil])
    }

    @Test(arguments: [0.0, 0.5, 10, 50, 99.5, 100])
    func soManyPercentAreLost(percent: Double) {
        var chaos = seeded
        chaos.lossPercent = percent
        let line = Line(chaos)
        let lost = (0..<10_000).count { number in
            defer { _ = line.taken(at: 0) }
            return line.admit(number, at: 0) == ChaosLine.Fate(lost: 1)
        }
        #expect(isPlausible(lost, percent))
    }

    @Test(arguments: [0.0, 0.5, 10, 50, 100])
    func soManyPercentAreDuplicated(percent: Double) {
        var chaos = seeded
        chaos.duplicatePercent = percent
        let line = Line(chaos)
        var copies = 0
        for number in 0..<10_000 {
            #expect(line.admit(number, at: 0) == ChaosLine.Fate())
            let taken = line.taken(at: 0)
            #expect(taken == [number] || taken == [number, number])
            copies += taken.count - 1
        }
        #expect(isPlausible(copies, percent))
    }

    @Test(arguments: [0.0, 1, 10, 50, 100])
    func soManyPercentAreOvertakenByTheNext(percent: Double) {
        var chaos = seeded
        chaos.reorderPercent = percent
        let line = Line(chaos)
        var order: [Int] = []
        for number in 0..<10_000 {
            #expect(line.admit(number, at: 0) == ChaosLine.Fate())
            order += line.taken(at: 0)
        }
        order += line.taken(at: .max)
        #expect(order.sorted() == Array(0..<10_000))
        // Each is in its place or has changed places with a neighbour.
        #expect(order.enumerated().allSatisfy { abs($0 - $1) <= 1 })
        let overtaken = zip(order, order.dropFirst()).count { $0 > $1 }
        // Of those that are not themselves the overtaking ones.
        #expect(isPlausible(overtaken, percent / (1 + percent / 100)))
    }

    @Test func anOvertakenDatagramWaits100MillisecondsAtMost() {
        var chaos = Chaos()
        chaos.reorderPercent = 100
        chaos.delayMilliseconds = 5
        let line = Line(chaos)
        _ = line.admit(0, at: 0)
        #expect(line.nextDue == 105 * millisecond && line.held == 1)
        #expect(line.taken(at: 105 * millisecond - 1).isEmpty)
        #expect(line.taken(at: 105 * millisecond) == [0])
        // The next one is held as well: the first has already left.
        _ = line.admit(1, at: 106 * millisecond)
        #expect(line.taken(at: 150 * millisecond).isEmpty)
        _ = line.admit(2, at: 150 * millisecond)
        #expect(line.taken(at: 155 * millisecond) == [2, 1])
    }

    @Test func whatComesTooLateOvertakesNothing() {
        var chaos = Chaos()
        chaos.reorderPercent = 100
        chaos.delayMilliseconds = 500
        let line = Line(chaos)
        _ = line.admit(0, at: 0)
        _ = line.admit(1, at: 200 * millisecond)
        #expect(line.taken(at: 600 * millisecond - 1).isEmpty)
        #expect(line.taken(at: .max) == [0, 1])
    }

    @Test func aCopyStaysBehindItsOriginal() {
        var chaos = Chaos()
        chaos.reorderPercent = 100
        chaos.duplicatePercent = 100
        let line = Line(chaos)
        _ = line.admit(0, at: 0)
        _ = line.admit(1, at: 0)
        #expect(line.taken(at: 0) == [1, 0, 0, 1])
    }

    @Test func theSameSeedMeansTheSameFate() {
        var chaos = Chaos()
        chaos.lossPercent = 20
        chaos.duplicatePercent = 20
        chaos.reorderPercent = 20
        chaos.delayMilliseconds = 20
        chaos.jitterMilliseconds = 20
        func orders(_ seed: UInt64?) -> [Int] {
            chaos.seed = seed
            let line = Line(chaos)
            return (0..<1000).flatMap { number in
                _ = line.admit(number, at: Int64(number) * millisecond)
                return line.taken(at: Int64(number) * millisecond)
            }
        }
        #expect(orders(7) == orders(7))
        #expect(orders(7) != orders(8))
        #expect(orders(nil) != orders(nil))
        #expect(orders(.max) == orders(.max))
    }

    /// What befalls one datagram does not depend on the other faults that are switched on.
    @Test func aFaultLeavesTheOthersAsTheyWere() {
        func lost(_ change: (inout Chaos) -> Void) -> [Int] {
            var chaos = seeded
            chaos.lossPercent = 30
            change(&chaos)
            let line = Line(chaos)
            return (0..<1000).filter { line.admit($0, at: 0).lost == 1 }
        }
        let alone = lost { _ in }
        #expect(alone == lost { $0.duplicatePercent = 50 })
        #expect(alone == lost { ($0.delayMilliseconds, $0.jitterMilliseconds) = (9, 9) })
    }

    @Test(arguments: [1, 60_000])
    func everyDatagramIsDelayedAlike(milliseconds: Int) {
        var chaos = Chaos()
        chaos.delayMilliseconds = milliseconds
        let line = Line(chaos)
        let delay = Int64(milliseconds) * millisecond
        for number in 0..<100 { _ = line.admit(number, at: Int64(number)) }
        #expect(line.nextDue == delay)
        #expect(line.taken(at: delay - 1).isEmpty)
        for number in 0..<100 { #expect(line.taken(at: delay + Int64(number)) == [number]) }
    }

    @Test func jitterKeepsWithinItsBounds() {
        var chaos = seeded
        chaos.delayMilliseconds = 10
        chaos.jitterMilliseconds = 10
        let line = Line(chaos)
        var dues: [Int64] = []
        for number in 0..<10_000 {
            _ = line.admit(number, at: 0)
            dues.append(line.nextDue ?? -1)
            #expect(line.taken(at: .max) == [number])
        }
        #expect(dues.allSatisfy { (0...20 * millisecond).contains($0) })
        for quarter in 0..<4 {
            let range = Int64(quarter) * 5 * millisecond..<Int64(quarter + 1) * 5 * millisecond
            #expect(isPlausible(dues.count(where: range.contains), 25))
        }
    }

    @Test func theCapSpacesWhatLeaves() {
        var chaos = Chaos()
        chaos.datagramsPerSecondMax = 1000
        let line = Line(chaos)
        for number in 0..<10 { _ = line.admit(number, at: 0) }
        for number in 0..<10 {
            let due = Int64(number) * millisecond
            #expect(line.nextDue == due && line.held == 10 - number)
            #expect(line.taken(at: due - 1).isEmpty)
            #expect(line.taken(at: due) == [number])
        }
        // A pause is not made up for.
        for number in 0..<2 { _ = line.admit(number, at: 1000 * millisecond) }
        #expect(line.taken(at: 1000 * millisecond) == [0])
        #expect(line.taken(at: 1001 * millisecond) == [1])
    }

    @Test func aLoopThatComesLateKeepsTheRate() {
        var chaos = Chaos()
        chaos.datagramsPerSecondMax = 1000
        let line = Line(chaos)
        for number in 0..<100 { _ = line.admit(number, at: 0) }
        #expect(line.taken(at: 7 * millisecond + 500_000) == Array(0...7))
        #expect(line.nextDue == 8 * millisecond)
    }

    @Test(arguments: [1, 3, 700_000, 1_000_000])
    func theCapIsNeverExceeded(perSecond: Int) {
        var chaos = Chaos()
        chaos.datagramsPerSecondMax = perSecond
        let line = Line(chaos)
        // 20 seconds or 20 milliseconds in 20 steps, before each of which the queue is filled.
        let step = perSecond < 10 ? 1000 * millisecond : millisecond
        var count = 0
        for index in 0...20 {
            while line.held < 2000 { _ = line.admit(index, at: Int64(index) * step) }
            count += line.taken(at: Int64(index) * step).count
        }
        let allowed = Double(perSecond) * Double(20 * step) / 1e9
        #expect(Double(count) <= allowed + 1)
        #expect(Double(count) >= allowed * 0.99)
    }

    @Test func aFullBatchGoesOnWithTheSameDatagram() {
        let line = Line(Chaos())
        for number in 0..<10 { _ = line.admit(number, at: 0) }
        #expect(line.taken(at: 0, atMost: 3) == [0, 1, 2])
        #expect(line.held == 7 && line.nextDue == 0)
        #expect(line.taken(at: 0, atMost: 0).isEmpty)
        #expect(line.taken(at: 0) == Array(3..<10))
    }

    private var seeded: Chaos {
        var chaos = Chaos()
        chaos.seed = 42
        return chaos
    }

    /// Whether a count of 10 000 tries is within five standard deviations.
    private func isPlausible(_ count: Int, _ percent: Double) -> Bool {
        let expected = percent * 100
        let deviation = (expected * (1 - percent / 100)).squareRoot()
        return abs(Double(count) - expected) <= 5 * deviation
    }
}

private let millisecond: Int64 = 1_000_000
