import RelayModel

/// The relay loop on the calling thread, without waiting: for measurements of what it costs.
package struct InlineRelay: ~Copyable {
    private var loop: RelayLoop

    /// Serves these open sessions; throws when the system has no descriptors left.
    package init(_ sessions: [RelaySession], hostname: String) throws(SystemCallError) {
        loop = try RelayLoop(try Mailbox(), hostname: hostname, meter: LoopMeter())
        loop.host = HostInterfaces((try? HostNetwork.interfaces()) ?? [])
        for session in sessions {
            let error = loop.add(session)
            precondition(error == nil, "a socket cannot be watched")
        }
    }

    /// Runs rounds until nothing is readable; how many rounds had something to do.
    package mutating func drain() -> Int {
        var rounds = 0
        while loop.runOnce() { rounds += 1 }
        return rounds
    }
}
