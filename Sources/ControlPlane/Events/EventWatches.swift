import HTTPHosting
import RelayEngine

/// Everybody who watches the sessions.
final class EventWatches: Sendable {
    private let watches = HTTPHosting.Locked<[ObjectIdentifier: EventWatch]>([:])
    private let registry: SessionRegistry

    init(_ registry: SessionRegistry) {
        self.registry = registry
        registry.events.onEvent { [watches] event in
            let watches = watches.withLock { Array($0.values) }
            if watches.isEmpty { return }
            let written = WrittenEvent(event)
            for watch in watches { watch.send(written) }
        }
    }

    /// Begins a watch; on the control thread, like all events, so that none is missed or comes
    /// twice.
    func begin(
        _ stream: OpenStream,
        _ query: EventQuery,
        reaches: @escaping @Sendable ([String: String]) -> Bool
    ) {
        let watch = EventWatch(stream, query, reaches: reaches)
        watch.begin(registry.events)
        let key = ObjectIdentifier(watch)
        watches.withLock { $0[key] = watch }
        stream.onEnd { [watches] in watches.withLock { $0[key] = nil } }
    }

    /// Sends the counters that are due; called once a second on the control thread.
    func sendCounters(at now: Int64) {
        let watches = watches.withLock { Array($0.values) }
        if watches.isEmpty { return }
        let directory = registry.snapshot()
        // Whoever is sent this has been sent, on this thread, all that happened before.
        let id = registry.events.revision.description
        // Written once, however many watch.
        var frames: [ObjectIdentifier: [UInt8]] = [:]
        for watch in watches {
            watch.sendCounters(of: directory, at: now) { session in
                if let frame = frames[ObjectIdentifier(session)] { return frame }
                var writer = JSONWriter()
                writer.counters(of: session)
                let frame = EventFrame.event("counters", id: id, data: writer.bytes)
                frames[ObjectIdentifier(session)] = frame
                return frame
            }
        }
    }
}
