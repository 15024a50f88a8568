import HTTPHosting
import RelayEngine

/// The streams that are open: counts them, keeps them alive, and ends them.
///
/// Streams are opened and written to on the control thread; they end on a listener's.
final class OpenStreams: Sendable {
    /// Nanoseconds of silence after which a comment is sent, because a client that has gone is
    /// only found out by writing.
    static let heartbeatNanoseconds: Int64 = 10_000_000_000

    private struct State {
        var streams: [UInt64: Entry] = [:]
        var next: UInt64 = 0
        var isEnding = false
    }

    private struct Entry {
        let stream: ResponseStream
        var lastSentAt: Int64
    }

    private let state = HTTPHosting.Locked(State())
    private let streamsMax: Int

    init(streamsMax: Int) { self.streamsMax = streamsMax }

    /// How many are open.
    var count: Int { state.withLock { $0.streams.count } }

    /// Throws 503 when there can be no further stream now.
    func requireRoom() throws(Problem) {
        let hasRoom = state.withLock { $0.streams.count < streamsMax }
        if hasRoom { return }
        var problem = Problem.overloaded
        problem.detail = "there are \(streamsMax) streams already (eventStreamsMax); try later"
        throw problem
    }

    /// Takes a stream in; nil, and the stream has been ended, when there is no room.
    func add(_ stream: ResponseStream) -> OpenStream? {
        let token: UInt64? = state.withLock { state in
            guard !state.isEnding, state.streams.count < streamsMax else { return nil }
            state.next += 1
            state.streams[state.next] = Entry(
                stream: stream,
                lastSentAt: HostNetwork.monotonicNanoseconds()
            )
            return state.next
        }
        guard let token else {
            stream.end()
            return nil
        }
        stream.onEnd { [state] in state.withLock { $0.streams[token] = nil } }
        return OpenStream(self, stream, token)
    }

    fileprivate func noteSent(_ token: UInt64) {
        let now = HostNetwork.monotonicNanoseconds()
        state.withLock { $0.streams[token]?.lastSentAt = now }
    }

    /// Sends a comment to those that have been silent; called once a second.
    func sendHeartbeats(at now: Int64) {
        let silent: [ResponseStream] = state.withLock { state in
            var silent: [ResponseStream] = []
            for (token, entry) in state.streams
            where now - entry.lastSentAt >= Self.heartbeatNanoseconds {
                state.streams[token]?.lastSentAt = now
                silent.append(entry.stream)
            }
            return silent
        }
        for stream in silent { stream.send(EventFrame.heartbeat) }
    }

    /// Ends all streams, and opens no more.
    func endAll() {
        let streams = state.withLock { state in
            state.isEnding = true
            return state.streams.values.map(\.stream)
        }
        for stream in streams { stream.end() }
    }
}

/// One open stream, from its producer's side.
struct OpenStream: Sendable {
    private let streams: OpenStreams
    private let stream: ResponseStream
    private let token: UInt64

    fileprivate init(_ streams: OpenStreams, _ stream: ResponseStream, _ token: UInt64) {
        self.streams = streams
        self.stream = stream
        self.token = token
    }

    /// Sends frames after all that were accepted before. Never blocks.
    func send(_ frames: [UInt8]) -> ResponseStream.Delivery {
        let delivery = stream.send(frames)
        if case .accepted = delivery { streams.noteSent(token) }
        return delivery
    }

    /// Ends the stream after what is pending.
    func end() { stream.end() }

    /// Ends the stream at once; the client connects again and says where it was.
    func abort() { stream.abort() }

    /// Calls `body` once, when the stream is over for whatever reason.
    func onEnd(_ body: @escaping @Sendable () -> Void) { stream.onEnd(body) }
}
