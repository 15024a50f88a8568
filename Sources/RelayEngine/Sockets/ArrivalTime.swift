import CRelaySocket

/// A moment of CLOCK_REALTIME in microseconds that wrap after 71 minutes, as the kernel stamps what
/// it receives (SO_TIMESTAMPNS, socket(7)).
struct ArrivalTime {
    /// Never 0.
    let word: UInt32

    /// nil for 0, which stands for no time.
    init?(word: UInt32) {
        if word == 0 { return nil }
        self.word = word
    }

    /// Now.
    static var now: ArrivalTime? { ArrivalTime(word: relay_now_microseconds()) }

    /// How much later it is than another one, no longer than half an hour apart.
    func microseconds(since other: ArrivalTime) -> Int32 {
        Int32(bitPattern: word &- other.word)
    }

    /// Whether it was before another one, no longer than half an hour apart.
    func isBefore(_ other: ArrivalTime) -> Bool { Int32(bitPattern: word &- other.word) < 0 }
}
