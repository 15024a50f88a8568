import HTTPHosting
import RelayEngine
import RelayModel

/// One client that follows a session's packets as they come. Everything happens on the control
/// thread, a page at a time, so that the relay thread only says that there is something.
final class PacketFollower: Sendable {
    /// Bytes at which a page is complete; one packet may be longer.
    private static let pageBytes = 64 * 1024
    /// Most times that packets are fetched for one page.
    private static let fetchesMax = 4
    /// Most packets that are fetched at once: so many are copied under one lock, so that none of
    /// them is missed between two others.
    private static let fetchMax = 16
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
    private let reaches: @Sendable ([String: String]) -> Bool
    private let state: HTTPHosting.Locked<State>

    /// - Parameter reaches: whether the client may see sessions with these labels.
    init(
        _ session: ManagedSession,
        _ stream: OpenStream,
        _ registry: SessionRegistry,
        _ control: WorkQueue,
        after cursor: UInt64,
        direction: CapturedPacket.Direction?,
        format: PayloadFormat,
        reaches: @escaping @Sendable ([String: String]) -> Bool
    ) {
        self.session = session
        self.registry = registry
        self.control = control
        self.stream = stream
        self.direction = direction
        self.format = format
        self.reaches = reaches
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
        let present = registry.session(session.name)
        if let present, !reaches(present.labels) { return end() }
        let page = page(after: cursor)
        if !page.frames.isEmpty {
            switch stream.send(page.frames) {
            case .accepted: state.withLock { $0.cursor = page.next }
            case .full: return again(after: Self.retryNanoseconds)
            case .ended: return
            }
            return again(after: Self.pauseNanoseconds)
        }
        state.withLock { $0.cursor = page.next }
        if present?.activity !== session.activity { return end() }
        wait(after: page.next)
    }

    /// The events of the packets after a cursor, as many as are a page, and the cursor after them.
    private func page(after cursor: UInt64) -> (frames: [UInt8], next: UInt64) {
        var frames: [UInt8] = []
        var next = cursor
        // No more bytes than a page has are copied.
        let snapLength = registry.session(session.name)?.definition?.snapLength ?? Self.pageBytes
        let fetched = min(max(Self.pageBytes / max(snapLength, 1), 1), Self.fetchMax)
        for _ in 0..<Self.fetchesMax {
            let page = recentPackets.page(after: next, limit: fetched, direction: direction)
            if page.missed > 0 {
                frames += EventFrame.event("missed") { $0.member("packets", page.missed) }
            }
            for packet in page.items {
                frames += event(packet)
                if frames.count >= Self.pageBytes { return (frames, packet.sequence) }
            }
            next = page.next
            if page.items.count < fetched { break }
        }
        return (frames, next)
    }

    private func event(_ packet: CapturedPacket) -> [UInt8] {
        var writer = JSONWriter()
        writer.packet(packet, format)
        let id = PacketEventID.text(packet.sequence, of: session)
        return EventFrame.event("packet", id: id, data: writer.bytes)
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

    /// The session is gone for the client, or another incarnation has its name.
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
