import RelayModel

/// The queue of a `ChaosLine`: datagrams with their payloads, earliest first; of equal times, in
/// the order in which they were scheduled.
///
/// It holds at most `Chaos.heldDatagramsMax` and `Chaos.heldBytesMax`. Its memory grows with what
/// it holds, and is then kept.
struct HeldDatagrams: ~Copyable {
    /// No datagram.
    static let none: Int16 = -1

    /// Where a datagram came from, and which address of this host it came to by which interface.
    struct Origin: Equatable {
        let source: Endpoint
        let localAddress: IPAddress?
        /// 0 = unknown.
        var interfaceIndex: Int32 = 0
        /// nil = not to be kept.
        var dscp: UInt8?
    }

    private struct Slot {
        var position: Int
        var length: Int
        var ttl: UInt8?
        var origin: Origin?
        var due: Int64
        /// Orders what is due at the same time.
        var order: UInt64 = 0
        /// The neighbours in the arena; free slots form a list by `after`.
        var before = HeldDatagrams.none
        var after = HeldDatagrams.none
    }

    /// Datagrams held, scheduled or not.
    private(set) var count = 0
    /// Their payload bytes.
    private(set) var bytes = 0

    private var slots: [Slot] = []
    private var firstFree = HeldDatagrams.none
    /// The first and the last payload in the arena.
    private var oldest = HeldDatagrams.none
    private var newest = HeldDatagrams.none
    /// A binary heap of the scheduled slots.
    private var heap: [Int16] = []
    private var orders: UInt64 = 0
    private var arena = PayloadArena()

    /// The arena is at most twice as large as what may be in it, so that payloads are moved
    /// together only after as many bytes have come: at most one byte is moved for each that comes.
    private static let arenaBytesMax = 2 * Chaos.heldBytesMax
    private static let arenaBytesMin = 65_536

    /// Takes a copy of a datagram, which is not scheduled yet; `none` when there is no room.
    mutating func add(
        _ payload: Span<UInt8>,
        ttl: UInt8?,
        origin: Origin?,
        due: Int64
    ) -> Int16 {
        guard count < Chaos.heldDatagramsMax, bytes + payload.count <= Chaos.heldBytesMax else {
            return Self.none
        }
        makeRoom(payload.count)
        let slot = Slot(
            position: arena.append(payload),
            length: payload.count,
            ttl: ttl,
            origin: origin,
            due: due,
            before: newest
        )
        let index = place(slot)
        if newest == Self.none { oldest = index } else { slots[Int(newest)].after = index }
        newest = index
        count += 1
        bytes += payload.count
        return index
    }

    /// Puts a datagram into the order, at its time or later.
    mutating func schedule(_ index: Int16, notBefore earliest: Int64 = .min) {
        slots[Int(index)].due = max(slots[Int(index)].due, earliest)
        slots[Int(index)].order = orders
        orders += 1
        heap.append(index)
        siftUp(heap.count - 1)
    }

    /// When the first scheduled datagram is due.
    var firstDue: Int64? { heap.first.map { slots[Int($0)].due } }

    /// Removes the first scheduled datagram, if the body takes it.
    mutating func giveFirst(
        _ body: (Span<UInt8>, _ ttl: UInt8?, _ origin: Origin?) -> Bool
    ) -> Bool {
        guard let index = heap.first else { return false }
        let slot = slots[Int(index)]
        guard body(arena.payload(at: slot.position, length: slot.length), slot.ttl, slot.origin)
        else { return false }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        free(index)
        return true
    }

    // MARK: - Slots and their payloads

    private mutating func place(_ slot: Slot) -> Int16 {
        guard firstFree != Self.none else {
            slots.append(slot)
            return Int16(slots.count - 1)
        }
        let index = firstFree
        firstFree = slots[Int(index)].after
        slots[Int(index)] = slot
        return index
    }

    private mutating func free(_ index: Int16) {
        let slot = slots[Int(index)]
        if slot.before == Self.none {
            oldest = slot.after
        } else {
            slots[Int(slot.before)].after = slot.after
        }
        if slot.after == Self.none {
            newest = slot.before
        } else {
            slots[Int(slot.after)].before = slot.before
        }
        slots[Int(index)].after = firstFree
        firstFree = index
        count -= 1
        bytes -= slot.length
        if count == 0 { arena.beginMoving() }
    }

    /// Moves the payloads together where they fill at most half of the arena, else it grows.
    private mutating func makeRoom(_ length: Int) {
        if length <= arena.capacity - arena.end { return }
        if bytes + length > arena.capacity / 2 && arena.capacity < Self.arenaBytesMax {
            let wanted = max(2 * (bytes + length), Self.arenaBytesMin)
            arena.grow(to: min(max(wanted, 2 * arena.capacity), Self.arenaBytesMax))
        }
        arena.beginMoving()
        var index = oldest
        while index != Self.none {
            let slot = slots[Int(index)]
            slots[Int(index)].position = arena.move(from: slot.position, length: slot.length)
            index = slot.after
        }
    }

    // MARK: - The heap

    private func precedes(_ first: Int16, _ second: Int16) -> Bool {
        let (first, second) = (slots[Int(first)], slots[Int(second)])
        return first.due == second.due ? first.order < second.order : first.due < second.due
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard precedes(heap[child], heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count && precedes(heap[child + 1], heap[child]) { child += 1 }
            guard precedes(heap[child], heap[parent]) else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
