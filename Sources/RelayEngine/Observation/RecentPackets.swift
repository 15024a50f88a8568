import RelayModel
import Synchronization

/// A page of a session's recent packets.
package struct PacketPage: Sendable {
    package var items: [CapturedPacket] = []
    /// The cursor to continue from: the sequence number of the last packet looked at.
    package var next: UInt64
    /// The oldest packet that is remembered; nil when there is none.
    package var oldest: UInt64?
    /// Packets after the cursor that were overwritten before they were read.
    package var missed: UInt64 = 0
}

/// What a session remembers of single packets and senders; locked once a batch.
package final class RecentPackets: Sendable {
    /// Payload bytes kept per session at most, whatever the ring size and snap length.
    package static var payloadBytesMax: Int { PacketRing.payloadBytesMax }
    /// Readers that may wait for a packet at once.
    package static let waitersMax = 64
    /// Packets copied while the lock is held: the relay thread waits no longer than for these.
    private static let chunk = 16

    private struct Waiter {
        let direction: CapturedPacket.Direction?
        let wake: @Sendable () -> Void
    }

    private struct State: ~Copyable {
        var ring: PacketRing
        var sources = SourceTable()
        var lastError: TransferError?
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let state: Locked<State>

    init(capacity: Int, snapLength: Int) {
        state = Locked(State(ring: PacketRing(capacity: capacity, snapLength: snapLength)))
    }
}

// MARK: - Writing, on the relay thread only

extension RecentPackets {
    /// Adds the packets of a batch under one lock; returns the sequence number of the first.
    ///
    /// The body appends each packet in order, and notes the sources of received ones.
    func record(
        _ direction: CapturedPacket.Direction,
        _ body: (inout PacketRing, inout SourceTable) -> Void
    ) -> UInt64 {
        var first: UInt64 = 0
        let woken = state.withLock { state -> [Waiter] in
            first = state.ring.newest + 1
            body(&state.ring, &state.sources)
            if state.ring.newest < first { return [] }
            return Self.takeWaiters(&state) { $0.direction == nil || $0.direction == direction }
        }
        for waiter in woken { waiter.wake() }
        return first
    }

    func record(_ error: TransferError) {
        state.withLock { $0.lastError = error }
    }

    private static func takeWaiters(
        _ state: inout State,
        where isConcerned: (Waiter) -> Bool
    ) -> [Waiter] {
        if state.waiters.isEmpty { return [] }
        let concerned = state.waiters.filter { isConcerned($0.value) }
        for key in concerned.keys { state.waiters[key] = nil }
        return Array(concerned.values)
    }
}

// MARK: - Reading, on any thread

extension RecentPackets {
    /// Packets after a cursor, oldest first; without a cursor the newest ones.
    ///
    /// A cursor from the future (of an earlier incarnation) is taken for the newest packet.
    package func page(
        after cursor: UInt64?,
        limit: Int,
        direction: CapturedPacket.Direction? = nil
    ) -> PacketPage {
        var page = state.withLock { state in
            PacketPage(
                next: min(
                    cursor ?? Self.cursor(beforeNewest: limit, direction, state.ring),
                    state.ring.newest
                )
            )
        }
        while page.items.count < limit && readChunk(into: &page, limit, direction) {}
        state.withLock { page.oldest = $0.ring.count > 0 ? $0.ring.oldest : nil }
        return page
    }

    /// The cursor from which a page reaches to the newest packet.
    private static func cursor(
        beforeNewest limit: Int,
        _ direction: CapturedPacket.Direction?,
        _ ring: borrowing PacketRing
    ) -> UInt64 {
        var sequence = ring.newest
        var count = 0
        while sequence >= ring.oldest && count < limit {
            if direction == nil || ring.direction(sequence) == direction { count += 1 }
            sequence -= 1
        }
        return sequence
    }

    /// Copies the next few packets; false when there are no more.
    private func readChunk(
        into page: inout PacketPage,
        _ limit: Int,
        _ direction: CapturedPacket.Direction?
    ) -> Bool {
        state.withLock { state in
            if page.next + 1 < state.ring.oldest {
                page.missed += state.ring.oldest - (page.next + 1)
                page.next = state.ring.oldest - 1
            }
            var copied = 0
            while page.next < state.ring.newest && page.items.count < limit
                && copied < Self.chunk
            {
                page.next += 1
                if direction != nil && state.ring.direction(page.next) != direction { continue }
                page.items.append(state.ring.packet(page.next))
                copied += 1
            }
            return page.next < state.ring.newest
        }
    }

    /// The 16 busiest senders, and the last error.
    package func summary() -> (sources: [SourceActivity], lastError: TransferError?) {
        state.withLock { ($0.sources.busiest(16), $0.lastError) }
    }

    /// What became of a reader that wanted to wait.
    package enum Wait: Sendable {
        /// `wake` will be called; the token is for `cancelWait`.
        case waiting(UInt64)
        /// A packet is there already; `wake` will not be called.
        case ready
        /// `waitersMax` readers wait already; `wake` will not be called.
        case full
    }

    /// Calls `wake` once, on the relay thread, after the next packet of the direction.
    package func wait(
        after cursor: UInt64,
        direction: CapturedPacket.Direction?,
        wake: @escaping @Sendable () -> Void
    ) -> Wait {
        state.withLock { state in
            if Self.hasPacket(after: cursor, direction, state.ring) { return .ready }
            guard state.waiters.count < Self.waitersMax else { return .full }
            state.nextWaiter += 1
            state.waiters[state.nextWaiter] = Waiter(direction: direction, wake: wake)
            return .waiting(state.nextWaiter)
        }
    }

    private static func hasPacket(
        after cursor: UInt64,
        _ direction: CapturedPacket.Direction?,
        _ ring: borrowing PacketRing
    ) -> Bool {
        guard cursor < ring.newest else { return false }
        var sequence = max(cursor + 1, ring.oldest)
        while sequence <= ring.newest {
            if direction == nil || ring.direction(sequence) == direction { return true }
            sequence += 1
        }
        return false
    }

    /// Takes a waiter back and wakes it; harmless when it was woken already.
    package func cancelWait(_ token: UInt64) {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: token) }
        waiter?.wake()
    }

    /// Wakes everyone who waits.
    package func wakeAll() {
        let woken = state.withLock { state in Self.takeWaiters(&state) { _ in true } }
        for waiter in woken { waiter.wake() }
    }
}

// MARK: - Changing the size, on one thread at a time

extension RecentPackets {
    /// Payload bytes copied while the lock is held.
    private static let chunkBytes = 65_536
    /// Chunks copied before the rest is given up: the largest ring has a quarter of them.
    private static let chunksMax = 1024

    /// Takes on another size: the newest packets stay as far as they fit, cut to the snap length,
    /// sequence numbers go on, and readers that wait go on waiting.
    ///
    /// The packets are copied in chunks into another ring, so that the relay thread waits for no
    /// more than one. Under a flood that overtakes the copying, only the newest chunk stays.
    func resize(capacity: Int, snapLength: Int) {
        let isSame = state.withLock { state in
            state.ring.capacity == capacity && state.ring.snapLength == snapLength
        }
        if isSame { return }
        let beginning = state.withLock { $0.ring.beginning(capacity: capacity) }
        var ring = PacketRing(capacity: capacity, snapLength: snapLength, from: beginning)
        for chunk in 1...Self.chunksMax {
            let isDone = state.withLock { state in
                if chunk == Self.chunksMax {
                    ring.skip(to: state.ring.newest - min(UInt64(Self.chunk), state.ring.newest))
                }
                guard
                    ring.catchUp(
                        with: state.ring,
                        packetsMax: Self.chunk,
                        bytesMax: chunk == Self.chunksMax ? .max : Self.chunkBytes
                    )
                else { return false }
                // The other one is given back after the lock.
                swap(&state.ring, &ring)
                return true
            }
            if isDone { return }
        }
        preconditionFailure("the last chunk reaches to the newest packet")
    }
}
