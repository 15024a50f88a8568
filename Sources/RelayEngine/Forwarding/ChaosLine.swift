import RelayModel

/// A bad network in front of one target: decides the fate of each datagram, and holds what is late.
///
/// Everything that passes goes through the queue, also what is due at once. Of one seed, the same
/// datagrams meet the same fate: each draws the same count of random numbers, whatever happens to
/// it.
///
/// - Reordered datagrams wait for the next one that passes, and leave right behind it, after
///   `overtakenNanosecondsMax` without it. What overtakes is not overtaken itself, so that at 100 %
///   datagrams change places in pairs.
/// - A duplicate leaves behind its original; it counts as a datagram of its own.
/// - The cap spaces what leaves. A loop that comes late makes up for it.
struct ChaosLine: ~Copyable {
    /// What became of a datagram that was admitted, and of its copy.
    struct Fate: Equatable {
        /// 1 if chance took it.
        var lost = 0
        /// Copies for which the queue had no room, 0–2.
        var overflow = 0
    }

    /// How long a datagram waits for the next one to overtake it, beyond its delay.
    static let overtakenNanosecondsMax: Int64 = 100_000_000

    private let chaos: Chaos
    private let delay: Int64
    private let jitter: Int64
    /// What the cap leaves between two datagrams; 0 = no cap.
    private let spacing: Int64
    private var random: SplitMix64
    private var queue = HeldDatagrams()
    /// The datagram that the next one overtakes, and its copy: when they are due without it.
    private var overtaken: InlineArray<2, Int16> = [HeldDatagrams.none, HeldDatagrams.none]
    private var overtakenDue: Int64 = .max
    /// When the cap lets the next datagram through.
    private var freeAt: Int64 = .min

    /// Without a seed in `chaos` another one is chosen each time.
    init(_ chaos: Chaos, at now: Int64) {
        self.chaos = chaos
        delay = Int64(chaos.delayMilliseconds) * 1_000_000
        jitter = Int64(chaos.jitterMilliseconds) * 1_000_000
        // Rounded up, so that it is never more.
        spacing =
            chaos.datagramsPerSecondMax.map { (1_000_000_000 + Int64($0) - 1) / Int64($0) } ?? 0
        random = SplitMix64(seed: chaos.seed ?? UInt64.random(in: .min ... .max))
        freeAt = now
    }

    /// Datagrams that are held, copies included.
    var held: Int { queue.count }

    /// Payload bytes that are held.
    var heldBytes: Int { queue.bytes }

    /// Takes a datagram in, or not; times are monotonic nanoseconds.
    mutating func admit(
        _ payload: Span<UInt8>,
        ttl: UInt8?,
        origin: HeldDatagrams.Origin?,
        at now: Int64
    ) -> Fate {
        let isLost = happens(chaos.lossPercent)
        let isDuplicated = happens(chaos.duplicatePercent)
        let isReordered = happens(chaos.reorderPercent)
        let deviation = Int64((random.nextUnit() * 2 - 1) * Double(jitter))
        if isLost { return Fate(lost: 1) }

        let due = now + delay + deviation
        let original = queue.add(payload, ttl: ttl, origin: origin, due: due)
        guard original != HeldDatagrams.none else { return Fate(overflow: isDuplicated ? 2 : 1) }
        var fate = Fate()
        var copy = HeldDatagrams.none
        if isDuplicated {
            copy = queue.add(payload, ttl: ttl, origin: origin, due: due)
            if copy == HeldDatagrams.none { fate.overflow = 1 }
        }
        if isReordered && overtaken[0] == HeldDatagrams.none {
            overtaken = [original, copy]
            overtakenDue = due + Self.overtakenNanosecondsMax
        } else {
            queue.schedule(original)
            releaseOvertaken(behind: due)
            if copy != HeldDatagrams.none { queue.schedule(copy) }
        }
        return fate
    }

    /// When `takeDue` has something next; nil = nothing is held.
    var nextDue: Int64? {
        let due = min(queue.firstDue ?? .max, overtakenDue)
        if due == .max { return nil }
        return spacing == 0 ? due : max(due, freeAt)
    }

    /// Gives out what is due, earliest first; the same datagram comes again after the body has
    /// returned false, which ends the call. At `.max` everything is due.
    mutating func takeDue(
        at now: Int64,
        _ body: (Span<UInt8>, _ ttl: UInt8?, _ origin: HeldDatagrams.Origin?) -> Bool
    ) {
        while true {
            if overtakenDue <= min(now, queue.firstDue ?? .max) {
                releaseOvertaken(behind: overtakenDue)
            }
            guard let due = queue.firstDue else { return }
            let leavesAt = spacing == 0 ? due : max(due, freeAt)
            guard leavesAt <= now, queue.giveFirst(body) else { return }
            freeAt = leavesAt &+ spacing
        }
    }

    private mutating func happens(_ percent: Double) -> Bool {
        random.nextUnit() * 100 < percent
    }

    /// Lets what was overtaken follow the datagram of this time, but wait no longer than it may.
    private mutating func releaseOvertaken(behind due: Int64) {
        if overtaken[0] == HeldDatagrams.none { return }
        let latest = min(due, overtakenDue)
        for index in 0..<2 where overtaken[index] != HeldDatagrams.none {
            queue.schedule(overtaken[index], notBefore: latest)
            overtaken[index] = HeldDatagrams.none
        }
        overtakenDue = .max
    }
}
