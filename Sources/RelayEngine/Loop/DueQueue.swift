/// Slots in the order of the times at which something is due: a binary heap.
///
/// It holds each slot at most once, so it grows no longer than the table of slots.
struct DueQueue {
    private struct Entry {
        let at: Int64
        let slot: Int
    }

    private var entries: [Entry] = []

    /// When the first is due, in monotonic nanoseconds; nil = none.
    var nextDue: Int64? { entries.first?.at }

    mutating func insert(_ slot: Int, at due: Int64) {
        entries.append(Entry(at: due, slot: slot))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if entries[parent].at <= entries[child].at { return }
            entries.swapAt(parent, child)
            child = parent
        }
    }

    /// Takes a slot that is due by now; nil = none.
    mutating func takeDue(at now: Int64) -> Int? {
        guard let first = entries.first, first.at <= now else { return nil }
        removeFirst()
        return first.slot
    }

    /// Forgets a slot.
    mutating func remove(_ slot: Int) {
        let rest = entries.filter { $0.slot != slot }
        if rest.count == entries.count { return }
        entries.removeAll(keepingCapacity: true)
        for entry in rest { insert(entry.slot, at: entry.at) }
    }

    private mutating func removeFirst() {
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            var child = 2 * parent + 1
            if child >= entries.count { return }
            if child + 1 < entries.count, entries[child + 1].at < entries[child].at { child += 1 }
            if entries[parent].at <= entries[child].at { return }
            entries.swapAt(parent, child)
            parent = child
        }
    }
}
