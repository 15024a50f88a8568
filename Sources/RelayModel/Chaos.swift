/// Faults on purpose, to test what receives: a bad network in front of one target.
package struct Chaos: Hashable, Sendable {
    /// The same seed and the same datagrams meet the same fate; nil = another one each time.
    package var seed: UInt64?
    /// Datagrams that never arrive, 0–100.
    package var lossPercent = 0.0
    /// Datagrams that arrive twice, 0–100.
    package var duplicatePercent = 0.0
    /// Datagrams that are overtaken by the next one, 0–100.
    package var reorderPercent = 0.0
    /// What every datagram is held back.
    package var delayMilliseconds = 0
    /// What a datagram is held back more or less than that, at random and at most the delay.
    package var jitterMilliseconds = 0
    /// Datagrams beyond it wait, as before a slow link; nil = no limit.
    package var datagramsPerSecondMax: Int?

    package static let percentRange = 0.0...100.0
    package static let delayMillisecondsRange = 0...60_000
    package static let datagramsPerSecondRange = 1...1_000_000
    /// Datagrams and payload bytes that may be held back for one target; more are dropped.
    package static let heldDatagramsMax = 4096
    package static let heldBytesMax = 4 * 1_048_576

    package init() {}
}
