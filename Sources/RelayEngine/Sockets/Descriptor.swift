import CRelaySocket

/// A file descriptor that closes itself.
struct Descriptor: ~Copyable {
    let number: Int32

    /// Takes ownership of an open descriptor.
    init(owning number: Int32) {
        precondition(number >= 0, "not a descriptor: \(number)")
        self.number = number
    }

    deinit { relay_close(number) }

    /// Gives up the descriptor, which stays open: its number.
    consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}
