import RelayModel
import Testing

@testable import RelayEngine

/// Windows under simulated arrivals: a loop that wakes, waits as long as the window says, and
/// drains what has come by then.
@Suite struct AdaptiveWindowTests {
    static let windowMax = Int64(Coalescing.adaptiveMicrosecondsMax) * 1000

    @Test(arguments: [100, 1000, 3900])
    func fewDatagramsWaitForNobody(perSecond: Int) {
        let run = simulate(Arrivals(perSecond: perSecond), seconds: 2)
        #expect(run.windows.allSatisfy { $0.nanoseconds == 0 })
        #expect(run.perDrain == 1)
    }

    @Test(arguments: [5000, 20_000, 50_000])
    func moderateRatesWaitAsLongAsAllowed(perSecond: Int) {
        let run = simulate(Arrivals(perSecond: perSecond), seconds: 2)
        #expect(run.changes == 1)
        #expect(run.windows.last?.nanoseconds == Self.windowMax)
        #expect(run.perDrain >= Double(perSecond) * 0.0005)
    }

    @Test(arguments: [100_000, 250_000, 500_000])
    func highRatesWaitForTwentyFive(perSecond: Int) {
        let run = simulate(Arrivals(perSecond: perSecond), seconds: 1)
        #expect(run.changes == 1)
        let wanted = Double(AdaptiveWindow.datagramsWanted) * 1e9 / Double(perSecond)
        let settled = run.windows.drop { $0.at < 10_000_000 }
        #expect(!settled.isEmpty)
        #expect(settled.allSatisfy { abs(Double($0.nanoseconds) / wanted - 1) < 0.05 })
        #expect(run.perDrain >= 25 && run.perDrain < 96)
    }

    /// A loop that needs 4 µs for each datagram finds more each time without waiting.
    @Test func aSaturatedLoopDoesNotWait() {
        let run = simulate(
            Arrivals(perSecond: 245_000),
            seconds: 2,
            nanosecondsPerDatagram: 4000
        )
        #expect(run.waits.allSatisfy { $0.at < 100_000_000 })
        #expect(run.changes <= 2)
        #expect(run.perDrain >= 32)
    }

    @Test func aRateWhoseWindowIsTooShortIsNotWaitedFor() {
        let run = simulate(
            Arrivals(perSecond: 1_500_000),
            seconds: 1,
            nanosecondsPerDatagram: 100
        )
        #expect(run.windows.allSatisfy { $0.nanoseconds == 0 })
    }

    @Test func aStreamThatBeginsIsSeenWithinMilliseconds() {
        let arrivals = Arrivals(perSecond: 10) + Arrivals(perSecond: 50_000, from: 1_000_000_000)
        let run = simulate(arrivals, seconds: 2)
        let first = run.windows.first { $0.nanoseconds > 0 }
        #expect(first.map { (1_000_000_000...1_005_000_000).contains($0.at) } == true)
    }

    @Test func aStreamThatEndsIsForgotten() {
        let arrivals =
            Arrivals(perSecond: 50_000, until: 1_000_000_000)
            + Arrivals(perSecond: 100, from: 1_010_000_000)
        let run = simulate(arrivals, seconds: 2)
        #expect(run.windows.contains { $0.nanoseconds == Self.windowMax })
        let late = run.windows.filter { $0.at > 1_005_000_000 }
        #expect(late.count > 90 && late.allSatisfy { $0.nanoseconds == 0 })
        // Also the first datagram after the silence did not wait.
        #expect(run.waits.allSatisfy { $0.at < 1_001_000_000 })
    }

    /// Between the two thresholds everything stays as it was.
    @Test(arguments: [3100, 3900])
    func aRateBetweenTheThresholdsChangesNothing(perSecond: Int) {
        let from = Arrivals(perSecond: 10_000, until: 1_000_000_000)
        let later = Arrivals(perSecond: perSecond, from: 1_000_000_000)
        let run = simulate(from + later, seconds: 3)
        #expect(run.changes == 1)
        #expect(run.windows.last?.nanoseconds == Self.windowMax)
    }

    @Test(arguments: [2000, 4000, 8000, 20_000, 50_000, 200_000])
    func randomArrivalsDoNotMakeItSwing(perSecond: Int) {
        var random = SplitMix64(seed: UInt64(perSecond))
        var at: Int64 = 0
        var times: [Int64] = []
        while at < 5_000_000_000 {
            times.append(at)
            at += 1 + Int64(random.nextUnit() * 2e9 / Double(perSecond))
        }
        let run = simulate(Arrivals(times), seconds: 5)
        // At the threshold itself it may change now and then.
        #expect(run.changes <= (perSecond == 4000 ? 20 : 1))
    }

    /// 64 datagrams in 64 µs, a hundred times a second: much or little in a drain, as one waits.
    @Test(arguments: [16, 64, 250])
    func burstsDoNotMakeItSwing(burst: Int) {
        var times: [Int64] = []
        for start in stride(from: Int64(0), to: 20_000_000_000, by: 10_000_000) {
            for index in 0..<burst { times.append(start + Int64(index) * 1000) }
        }
        let run = simulate(Arrivals(times), seconds: 20)
        #expect(run.changes <= 40)
    }

    @Test func aClockThatGoesBackOrStandsStillChangesNothing() {
        var window = AdaptiveWindow()
        for step in 0..<1000 {
            window.note(3, at: 5_000_000_000 - Int64(step))
            window.note(0, at: 5_000_000_000)
        }
        #expect(window.nanoseconds == 0)
    }
}

/// When datagrams come, in nanoseconds.
private struct Arrivals {
    var times: [Int64]

    init(_ times: [Int64]) { self.times = times }

    init(perSecond: Int, from: Int64 = 0, until: Int64 = 6_000_000_000) {
        times = (0..<Int(until - from) / 1000 * perSecond / 1_000_000).map {
            from + Int64($0) * 1_000_000_000 / Int64(perSecond)
        }
    }

    static func + (first: Arrivals, second: Arrivals) -> Arrivals {
        Arrivals((first.times + second.times).sorted())
    }
}

private struct Run {
    /// The window after each drain.
    var windows: [(at: Int64, nanoseconds: Int64)] = []
    /// Drains that waited.
    var waits: [(at: Int64, nanoseconds: Int64)] = []
    var datagrams = 0

    var perDrain: Double { Double(datagrams) / Double(windows.count) }

    /// How often it began or stopped to wait.
    var changes: Int {
        zip(windows, windows.dropFirst()).count { ($0.nanoseconds > 0) != ($1.nanoseconds > 0) }
    }
}

/// Each drain costs 5 µs and so much a datagram, and takes 256 at most.
private func simulate(
    _ arrivals: Arrivals,
    seconds: Int64,
    nanosecondsPerDatagram: Int64 = 1300
) -> Run {
    var window = AdaptiveWindow()
    var run = Run()
    var now: Int64 = 0
    var next = 0
    let times = arrivals.times
    while next < times.count && times[next] < seconds * 1_000_000_000 {
        now = max(now, times[next])
        let wait = window.nanoseconds(at: now)
        if wait > 0 { run.waits.append((now, wait)) }
        now += wait
        var count = 0
        while next < times.count && times[next] <= now && count < 256 {
            next += 1
            count += 1
        }
        now += 5000 + Int64(count) * nanosecondsPerDatagram
        window.note(count, at: now)
        run.windows.append((now, window.nanoseconds))
        run.datagrams += count
    }
    return run
}
