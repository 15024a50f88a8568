import RelayModel

extension RelayLoop {
    /// One batch for every session that has something to send, then the sockets get their turn.
    mutating func sendTurns() {
        if sendingSlots.isEmpty && blockedSlots.isEmpty { return }
        let now = HostNetwork.monotonicNanoseconds()
        for slot in blockedSlots where isOverdue(slot, now) {
            blockedSlots.remove(slot)
            sendingSlots.append(slot)
        }
        let turns = sendingSlots
        sendingSlots.removeAll(keepingCapacity: true)
        for slot in turns {
            guard let active = slots[slot] else { continue }
            switch active.sendTurn(&outgoing) {
            case .idle: watchWritable(false, slot)
            case .more: sendingSlots.append(slot)
            case .blocked:
                watchWritable(true, slot)
                blockedSlots.insert(slot)
            }
        }
    }

    private func isOverdue(_ slot: Int, _ now: Int64) -> Bool {
        guard let pending = slots[slot]?.pendingSends.first else { return true }
        return now >= pending.deadline
    }

    private func watchWritable(_ isWatched: Bool, _ slot: Int) {
        guard let active = slots[slot], active.isWatchingWritable != isWatched else { return }
        active.isWatchingWritable = isWatched
        watch(active, slot)
    }

    /// Has the poller watch a session's socket as it needs it now.
    func watch(_ active: ActiveSession, _ slot: Int) {
        let watch = wantedWatch(of: active)
        // A socket that was watched once may not be watched any more.
        if watch == active.watch && watch != .readableOnce { return }
        // What was reported once is as good as not watched.
        if watch == .nothing && active.watch == .readableOnce { return }
        do {
            try poller.change(active.session.socket.number, token: UInt64(slot), to: watch)
        } catch {
            preconditionFailure("\(error.operation): \(error.name)")
        }
        active.watch = watch
    }

    private func wantedWatch(of active: ActiveSession) -> Poller.Watch {
        if active.isWatchingWritable { return .writable }
        if !active.drain.waits { return .readable }
        return active.drain.isPlanned ? .nothing : .readableOnce
    }
}
