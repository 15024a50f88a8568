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
        let request: Request
        var lastSentAt: Int64
        var heartbeat: @Sendable () -> [UInt8] = { EventFrame.heartbeat }
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

    /// Takes in a stream that answers a request; nil, and the stream has been ended, when there is
    /// no room.
    func add(_ stream: ResponseStream, for request: Request) -> OpenStream? {
        let token: UInt64? = state.withLock { state in
            guard !state.isEnding, state.streams.count < streamsMax else { return nil }
            state.next += 1
            state.streams[state.next] = Entry(
                stream: stream,
                request: request,
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
        let silent: [Entry] = state.withLock { state in
            var silent: [Entry] = []
            for (token, entry) in state.streams
            where now - entry.lastSentAt >= Self.heartbeatNanoseconds {
                state.streams[token]?.lastSentAt = now
                silent.append(entry)
            }
            return silent
        }
        for entry in silent { entry.stream.send(entry.heartbeat()) }
    }

    fileprivate func setHeartbeat(
        _ token: UInt64,
        _ heartbeat: @escaping @Sendable () -> [UInt8]
    ) {
        state.withLock { $0.streams[token]?.heartbeat = heartbeat }
    }

    /// Ends those whose requests would not be let in any more; called once a second.
    func endRevoked(_ isStillAdmitted: (Request) -> Bool) {
        let entries = state.withLock { Array($0.streams.values) }
        for entry in entries where !isStillAdmitted(entry.request) { entry.stream.end() }
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

    /// Bytes that were accepted and that the client has not yet been sent.
    var pendingBytes: Int { stream.pendingBytes }

    /// From now on silence is broken with what `heartbeat` makes.
    func setHeartbeat(_ heartbeat: @escaping @Sendable () -> [UInt8]) {
        streams.setHeartbeat(token, heartbeat)
    }

    /// Ends the stream after what is pending.
    func end() { stream.end() }

    /// Ends the stream at once; the client connects again and says where it was.
    func abort() { stream.abort() }

    /// Calls `body` once, when the stream is over for whatever reason.
    func onEnd(_ body: @escaping @Sendable () -> Void) { stream.onEnd(body) }
}
