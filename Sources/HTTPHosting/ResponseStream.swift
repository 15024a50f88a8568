import CMicroHTTPD

/// The body of a response that goes on for as long as there is something to say.
///
/// Any thread may use it. While there is nothing to say its connection is suspended, under the
/// stream's own lock: a connection found in `suspended` is alive, and once the stream is aborted
/// or over it is not suspended again.
package final class ResponseStream: Sendable {
    /// What became of a chunk.
    package enum Delivery: Sendable {
        /// It will be sent, unless the client goes away.
        case accepted

        /// Nothing was taken: the client is behind by as much as it may be.
        case full

        /// Nothing was taken: the stream has been ended, or is over.
        case ended
    }

    /// Most chunks that wait to be sent, because a small one costs as much as its bytes again.
    package static let pendingChunksMax = 4096

    private struct State {
        var queue = ByteQueue()
        var takenBytes = 0
        var isEnding = false
        var isAborted = false
        var isOver = false
        var suspended: LibraryConnection?
        var onEnd: [@Sendable () -> Void] = []
    }

    private let state = Locked(State())
    private let timer: ConnectionTimer
    private let reaper: DeadlineReaper
    private let pendingBytesMax: Int
    private let stallSeconds: Int

    /// A stream whose first bytes are `first`, on the connection that `timer` belongs to.
    init(
        first: [UInt8],
        timer: ConnectionTimer,
        reaper: DeadlineReaper,
        pendingBytesMax: Int,
        stallSeconds: Int
    ) {
        self.timer = timer
        self.reaper = reaper
        self.pendingBytesMax = pendingBytesMax
        self.stallSeconds = stallSeconds
        state.withLock { $0.queue.append(first) }
    }

    /// Bytes that were accepted and that the library has not yet taken.
    package var pendingBytes: Int { state.withLock { $0.queue.byteCount } }

    /// Sends `bytes` after all that was accepted before. Never blocks.
    ///
    /// A chunk longer than the listener's `streamPendingBytesMax` is accepted when nothing waits.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Delivery {
        state.withLock { state in
            if state.isEnding || state.isAborted || state.isOver { return .ended }
            // Nothing waits: one chunk of any length, since a longer one would never be taken.
            let fits =
                state.queue.byteCount == 0
                || state.queue.byteCount + bytes.count <= pendingBytesMax
            guard fits, state.queue.chunkCount < Self.pendingChunksMax
            else { return .full }
            state.queue.append(bytes)
            if !bytes.isEmpty { wake(&state) }
            return .accepted
        }
    }

    /// Ends the response after what is pending; calls after the first do nothing.
    package func end() {
        state.withLock { state in
            guard !state.isOver else { return }
            state.isEnding = true
            wake(&state)
        }
    }

    /// Ends the response at once, by shutting the connection down: the client sees that something
    /// is missing.
    package func abort() {
        state.withLock { state in
            guard !state.isOver, !state.isAborted else { return }
            state.isAborted = true
            state.queue = ByteQueue()
            // The library may be waiting for a client that reads nothing.
            reaper.shutDown(timer)
            wake(&state)
        }
    }

    /// Has `body` called once, when the stream is over for whatever reason: on the listener's
    /// thread or the one that stops it, where it must not block; at once if the stream is over.
    package func onEnd(_ body: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if !state.isOver { state.onEnd.append(body) }
            return state.isOver
        }
        if isOver { body() }
    }

    /// Aborts the stream if its client has closed the connection, which the library does not look
    /// at while it is suspended.
    func abortIfClientIsGone() {
        if reaper.hasHungUp(timer) { abort() }
    }

    /// What the library is told when it asks for more.
    enum Reading {
        /// So many bytes were copied.
        case bytes(Int)

        /// There is nothing to say, and the connection was suspended.
        case suspended

        /// That was all.
        case end

        /// The stream was aborted.
        case aborted
    }

    /// Hands over up to `bytesMax` bytes piece by piece, or suspends `connection`, from whose
    /// callback this is called.
    func read(
        _ bytesMax: Int,
        for connection: LibraryConnection,
        _ copy: (Span<UInt8>) -> Void
    ) -> Reading {
        state.withLock { state in
            if state.isAborted { return .aborted }
            let count = state.queue.take(bytesMax, copy)
            if count > 0 {
                state.takenBytes += count
                // Progress: all that was handed over before has left.
                expectClient()
                return .bytes(count)
            }
            if state.isEnding { return .end }
            timer.pause()
            connection.suspend()
            state.suspended = connection
            return .suspended
        }
    }

    /// The request is over, from the listener's thread.
    ///
    /// - Returns: how many bytes the library took.
    func finish() -> Int {
        let (bodies, takenBytes) = state.withLock { state in
            state.isOver = true
            state.queue = ByteQueue()
            defer { state.onEnd = [] }
            return (state.onEnd, state.takenBytes)
        }
        for body in bodies { body() }
        return takenBytes
    }

    private func wake(_ state: inout State) {
        guard let connection = state.suspended.take() else { return }
        expectClient()
        connection.resume()
    }

    private func expectClient() {
        timer.expect(seconds: stallSeconds)
    }
}
