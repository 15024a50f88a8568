/// A moment of UTC: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
package struct Timestamp: Hashable, Sendable, Comparable {
    package let nanoseconds: Int64

    @inlinable
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Seconds from an earlier moment to this one.
    package func seconds(since earlier: Timestamp) -> Double {
        Double(nanoseconds - earlier.nanoseconds) / 1e9
    }

    /// RFC 3339 in UTC with nine digits of the second: `2026-11-22T15:00:00.123456789Z`.
    package var rfc3339: String {
        let ascii = rfc3339ASCII
        return String(decoding: ascii.indices.map { ascii[$0] }, as: UTF8.self)
    }

    /// The 30 ASCII bytes of `rfc3339`, without an allocation.
    package var rfc3339ASCII: InlineArray<30, UInt8> {
        let (seconds, fraction) = Self.floorDivide(nanoseconds, 1_000_000_000)
        let (days, secondOfDay) = Self.floorDivide(seconds, 86_400)
        let date = Self.civilDate(daysSince1970: days)
        var bytes = InlineArray<30, UInt8>(repeating: UInt8(ascii: "-"))
        Self.write(date.year, to: 0..<4, of: &bytes)
        Self.write(date.month, to: 5..<7, of: &bytes)
        Self.write(date.day, to: 8..<10, of: &bytes)
        bytes[10] = UInt8(ascii: "T")
        Self.write(secondOfDay / 3600, to: 11..<13, of: &bytes)
        bytes[13] = UInt8(ascii: ":")
        Self.write(secondOfDay / 60 % 60, to: 14..<16, of: &bytes)
        bytes[16] = UInt8(ascii: ":")
        Self.write(secondOfDay % 60, to: 17..<19, of: &bytes)
        bytes[19] = UInt8(ascii: ".")
        Self.write(fraction, to: 20..<29, of: &bytes)
        bytes[29] = UInt8(ascii: "Z")
        return bytes
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    /// Writes the last digits of a number, as many as there are places.
    private static func write(
        _ value: Int64,
        to places: Range<Int>,
        of bytes: inout InlineArray<30, UInt8>
    ) {
        var rest = UInt64(truncatingIfNeeded: value)
        for place in places.reversed() {
            bytes[place] = UInt8(ascii: "0") | UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// The proleptic Gregorian date, counted in 400-year eras of 146 097 days that begin in March,
    /// so that the leap day is the last of its year.
    private static func civilDate(
        daysSince1970 days: Int64
    ) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
