/// The streams of one listener that are not over.
final class StreamsInProgress: Sendable {
    private struct State {
        var isRefusing = false
        var streams: [ObjectIdentifier: ResponseStream] = [:]
    }

    private let state = Locked(State())

    /// A stream begins.
    ///
    /// - Returns: false when the listener is about to stop, and it must not.
    func add(_ stream: ResponseStream) -> Bool {
        state.withLock { state in
            if state.isRefusing { return false }
            state.streams[ObjectIdentifier(stream)] = stream
            return true
        }
    }

    /// A stream is over.
    func remove(_ stream: ResponseStream) {
        state.withLock { $0.streams[ObjectIdentifier(stream)] = nil }
    }

    /// Ends all streams after what they have pending, and lets none begin any more.
    func endAll() {
        state.withLock { $0.isRefusing = true }
        for stream in all { stream.end() }
    }

    /// Aborts all streams.
    func abortAll() {
        for stream in all { stream.abort() }
    }

    /// Aborts the streams whose clients have gone.
    func abortGone() {
        for stream in all { stream.abortIfClientIsGone() }
    }

    private var all: [ResponseStream] { state.withLock { Array($0.streams.values) } }
}
