import Testing

@testable import RelayModel

/// Times as RFC 3339 writes them.
@Suite struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000000Z"), (1, "1970-01-01T00:00:00.000000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (-1_000_000_000, "1969-12-31T23:59:59.000000000Z"),
            (-86_400_000_000_001, "1969-12-30T23:59:59.999999999Z"),
            (999_999_999, "1970-01-01T00:00:00.999999999Z"),
            (86_399_999_999_999, "1970-01-01T23:59:59.999999999Z"),
            (68_169_600_000_000_000, "1972-02-29T00:00:00.000000000Z"),
            (951_782_399_000_000_000, "2000-02-28T23:59:59.000000000Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (951_868_800_000_000_000, "2000-03-01T00:00:00.000000000Z"),
            (978_220_800_000_000_000, "2000-12-31T00:00:00.000000000Z"),
            (1_708_387_199_123_456_789, "2024-02-19T23:59:59.123456789Z"),
            (1_709_164_800_000_000_000, "2024-02-29T00:00:00.000000000Z"),
            (4_107_542_399_999_999_999, "2100-02-28T23:59:59.999999999Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
            (-2_203_891_200_000_000_000, "1900-03-01T00:00:00.000000000Z"),
            (-2_203_891_200_000_000_001, "1900-02-28T23:59:59.999999999Z"),
            (.max, "2262-04-11T23:47:16.854775807Z"), (.min, "1677-09-21T00:12:43.145224192Z"),
        ] as [(Int64, String)]
    )
    func aMomentIsWrittenInUTCWithNanoseconds(nanoseconds: Int64, text: String) {
        #expect(Timestamp(nanoseconds: nanoseconds).rfc3339 == text)
    }

    /// Every day from 1970 to 2262 by a calendar that is counted, not computed.
    @Test func everyDayFollowsTheOneBefore() {
        var (year, month, day) = (1970, 1, 1)
        let perDay: Int64 = 86_400_000_000_000
        for number in Int64(0)..<106_700 {
            let text = Timestamp(nanoseconds: number * perDay).rfc3339
            let expected = "\(year)-\(Self.padded(month))-\(Self.padded(day))T00:00:00.000000000Z"
            guard text == expected else {
                Issue.record("\(text) is not \(expected)")
                return
            }
            day += 1
            if day > Self.daysIn(month, of: year) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        #expect(year == 2262)
    }

    private static func daysIn(_ month: Int, of year: Int) -> Int {
        let isLeap =
            year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    @Test func textsSortAsTheMomentsDo() {
        var generator = SplitMix64(seed: 3339)
        let moments = (0..<2000).map { _ in
            Timestamp(nanoseconds: Int64(bitPattern: generator.next()))
        }
        #expect(moments.sorted().map(\.rfc3339) == moments.map(\.rfc3339).sorted())
    }

    @Test func secondsBetweenMomentsAreSigned() {
        let (early, late) = (
            Timestamp(nanoseconds: -500_000_000), Timestamp(nanoseconds: 1_000_000_000)
        )
        #expect(late.seconds(since: early) == 1.5)
        #expect(early.seconds(since: late) == -1.5)
    }
}
