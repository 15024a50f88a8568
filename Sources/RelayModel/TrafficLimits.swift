/// How much may pass at most: token buckets on datagrams and on payload bytes.
package struct TrafficLimits: Hashable, Sendable {
    /// nil = no limit.
    package var datagramsPerSecond: Int?
    /// nil = no limit. A datagram may be longer than the bucket holds: it passes while anything is
    /// in it, and the next one waits until what it took is there again.
    package var bytesPerSecond: Int?
    /// How long a silence may be made up for: the buckets hold what the rates give in this time, and
    /// that of datagrams at least one.
    package var burstMilliseconds: Int

    package static let datagramsPerSecondRange = 1...10_000_000
    package static let bytesPerSecondRange = 1...100_000_000_000
    package static let burstMillisecondsDefault = 1000
    package static let burstMillisecondsRange = 1...10_000

    package init(
        datagramsPerSecond: Int? = nil,
        bytesPerSecond: Int? = nil,
        burstMilliseconds: Int = TrafficLimits.burstMillisecondsDefault
    ) {
        self.datagramsPerSecond = datagramsPerSecond
        self.bytesPerSecond = bytesPerSecond
        self.burstMilliseconds = burstMilliseconds
    }
}
