import HTTPHosting
import RelayEngine
import RelayModel

/// One client that follows a session's packets as they come. Everything happens on the control
/// thread, a page at a time, so that the relay thread only says that there is something.
final class PacketFollower: Sendable {
    /// Most packets of one page.
    private static let packetsMax = 64
    /// Bytes at which a page is complete; one packet may be longer.
    private static let pageBytes = 64 * 1024
    /// Between two pages, so that a flood of single packets costs no more than this often.
    private static let pauseNanoseconds: Int64 = 20_000_000
    /// After a client was found to be behind, or the session to have too many who wait.
    private static let retryNanoseconds: Int64 = 200_000_000

    private struct State {
        var cursor: UInt64
        var wait: UInt64?
        var isOver = false
    }

    private let session: ManagedSession
    private let registry: SessionRegistry
    private let control: WorkQueue
    private let stream: OpenStream
    private let direction: CapturedPacket.Direction?
    private let format: PayloadFormat
    private let state: HTTPHosting.Locked<State>

    init(
        _ session: ManagedSession,
        _ stream: OpenStream,
        _ registry: SessionRegistry,
        _ control: WorkQueue,
        after cursor: UInt64,
        direction: CapturedPacket.Direction?,
        format: PayloadFormat
    ) {
        self.session = session
        self.registry = registry
        self.control = control
        self.stream = stream
        self.direction = direction
        self.format = format
        state = HTTPHosting.Locked(State(cursor: cursor))
    }

    private var recentPackets: RecentPackets { session.activity.recentPackets }

    /// Begins; the follower lives as long as the stream.
    func begin() {
        stream.onEnd { self.finish() }
        _ = stream.send(EventFrame.retry)
        sendPage()
    }

    private func finish() {
        let wait = state.withLock { state in
            state.isOver = true
            return state.wait.take()
        }
        if let wait { recentPackets.cancelWait(wait) }
    }

    /// Sends what there is, and comes again when there is more.
    private func sendPage() {
        let (cursor, isOver) = state.withLock { ($0.cursor, $0.isOver) }
        if isOver { return }
        let page = recentPackets.page(
            after: cursor,
            limit: Self.packetsMax,
            direction: direction
        )
        let (frames, next) = frames(of: page, after: cursor)
        if !frames.isEmpty {
            switch stream.send(frames) {
            case .accepted: state.withLock { $0.cursor = next }
            case .full: return again(after: Self.retryNanoseconds)
            case .ended: return
            }
            return again(after: Self.pauseNanoseconds)
        }
        state.withLock { $0.cursor = page.next }
        if registry.session(session.name)?.activity !== session.activity { return end() }
        wait(after: page.next)
    }

    /// The events of a page, as far as they fit, and the cursor after them.
    private func frames(of page: PacketPage, after cursor: UInt64) -> ([UInt8], UInt64) {
        var frames: [UInt8] = []
        var next = cursor
        if page.missed > 0 {
            frames += EventFrame.event("missed") { $0.member("packets", page.missed) }
            next += page.missed
        }
        for packet in page.items {
            if frames.count >= Self.pageBytes { return (frames, next) }
            var writer = JSONWriter()
            writer.packet(packet, format)
            frames += EventFrame.event("packet", id: "\(packet.sequence)", data: writer.bytes)
            next = packet.sequence
        }
        return (frames, page.items.count < Self.packetsMax ? page.next : next)
    }

    private func wait(after cursor: UInt64) {
        let outcome = recentPackets.wait(after: cursor, direction: direction) {
            self.state.withLock { $0.wait = nil }
            self.again(after: Self.pauseNanoseconds)
        }
        switch outcome {
        case .ready: again(after: 0)
        case .full: again(after: Self.retryNanoseconds)
        case .waiting(let token):
            let isOver = state.withLock { state in
                state.wait = token
                return state.isOver
            }
            if isOver { recentPackets.cancelWait(token) }
        }
    }

    private func again(after nanoseconds: Int64) {
        if state.withLock({ $0.isOver }) { return }
        control.schedule(afterNanoseconds: nanoseconds) { self.sendPage() }
    }

    /// The session is gone, or another incarnation has its name.
    private func end() {
        _ = stream.send(
            EventFrame.event("end") { writer in
                writer.member("name", session.name.description)
                writer.member("id", session.id.description)
            }
        )
        stream.end()
    }
}
