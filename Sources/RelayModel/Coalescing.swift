/// How long a session waits after its socket became readable before it drains it: fewer wake-ups
/// for the same datagrams, at the price of latency.
package enum Coalescing: Hashable, Sendable {
    /// 0 = not at all.
    case microseconds(Int)
    /// As long as pays at the rate of the moment: not at all for few datagrams or for so many that
    /// batches fill anyway, and never longer than `adaptiveMicrosecondsMax`.
    case adaptive

    package static let microsecondsRange = 0...5000
    package static let adaptiveMicrosecondsMax = 500
}
