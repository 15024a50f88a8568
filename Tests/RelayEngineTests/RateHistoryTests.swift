import RelayModel
import Testing

@testable import RelayEngine

@Suite struct RateHistoryTests {
    @Test func oneSampleSaysNothing() {
        var history = RateHistory()
        #expect(history.rates(seconds: 1) == TrafficRates())
        history.append(second: 1, received: 5)
        #expect(history.rates(seconds: 60) == TrafficRates())
    }

    @Test func steadyTrafficHasOneRateInEveryWindow() {
        var history = RateHistory()
        for second in 0...200 { history.append(second: second, received: 10 * second) }
        for seconds in [1, 10, 60] {
            let rates = history.rates(seconds: seconds)
            #expect(rates.receivedDatagrams == 10 && rates.receivedBits == 8000)
            #expect(rates.sentDatagrams == 0 && rates.sentBits == 0)
        }
    }

    @Test func windowsLookBackAsFarAsTheySay() {
        var history = RateHistory()
        for second in 0...100 { history.append(second: second, received: second <= 90 ? 0 : 60) }
        // The burst was in second 91: in the last 10 and 60 seconds, not in the last one.
        #expect(history.rates(seconds: 1).receivedDatagrams == 0)
        #expect(history.rates(seconds: 10).receivedDatagrams == 6)
        #expect(history.rates(seconds: 60).receivedDatagrams == 1)
    }

    @Test func aBurstAfterAQuietHourIsSpreadOverTheWindow() {
        var history = RateHistory()
        for second in 0...3600 { history.append(second: second, received: 0) }
        history.append(second: 3601, received: 60)
        #expect(history.rates(seconds: 1).receivedDatagrams == 60)
        #expect(history.rates(seconds: 10).receivedDatagrams == 6)
        #expect(history.rates(seconds: 60).receivedDatagrams == 1)
    }

    @Test func aYoungSessionIsMeasuredSinceItsFirstSample() {
        var history = RateHistory()
        for second in 0...5 { history.append(second: second, received: 10 * second) }
        #expect(history.rates(seconds: 60).receivedDatagrams == 10)
    }

    @Test func trafficBeforeTheFirstSampleIsNotCounted() {
        var history = RateHistory()
        for second in 5...10 { history.append(second: second, received: 10 * second) }
        #expect(history.rates(seconds: 60).receivedDatagrams == 10)
    }

    @Test func lateSamplesAreDividedByTheTimeThatPassed() {
        var history = RateHistory()
        history.append(second: 0, received: 0)
        history.append(second: 4, received: 100)
        #expect(history.rates(seconds: 1).receivedDatagrams == 25)
    }

    @Test func whatIsSentIsKeptApart() {
        var history = RateHistory()
        for second in 0...1 {
            history.append(
                received: Traffic(),
                sent: Traffic(datagrams: UInt64(second), bytes: 7),
                at: Int64(second) * 1_000_000_000
            )
        }
        #expect(history.rates(seconds: 1).sentDatagrams == 1)
        #expect(history.rates(seconds: 1).receivedDatagrams == 0)
    }
}

extension RateHistory {
    /// Received datagrams of 100 bytes.
    fileprivate mutating func append(second: Int, received: Int) {
        append(
            received: Traffic(datagrams: UInt64(received), bytes: 100 * UInt64(received)),
            sent: Traffic(),
            at: Int64(second) * 1_000_000_000
        )
    }
}
