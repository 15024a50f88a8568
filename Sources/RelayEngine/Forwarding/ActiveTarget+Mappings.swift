import RelayModel

/// Targets with `mapReplies`: askers have ports of their own.
extension ActiveTarget {
    /// Opens no ports yet, but keeps those of the target that this one stands for from now on.
    ///
    /// - Parameter receiveBufferBytes: what the session asks for, also for each of these ports.
    func openMappings(
        _ ownSockets: OwnSockets,
        _ links: HostLinks,
        receiveBufferBytes: Int?,
        keepingThoseOf old: [ActiveTarget]
    ) {
        guard let egress = target.egress,
            case .endpoint(let endpoint) = target.definition.destination,
            let mapping = endpoint.mapReplies
        else { return }
        let previous = old.first { $0.target.egress?.socket === egress.socket }
        let preservesDSCP = target.definition.preservesDSCP
        if let previous, previous.mappings?.preservesDSCP == preservesDSCP,
            previous.target.definition.destination == target.definition.destination
        {
            swap(&mappings, &previous.mappings)
        }
        if mappings != nil { return setReceiveBuffer(receiveBufferBytes) }
        do {
            mappings = try ReplyMappings(
                mapping,
                endpoint,
                egress,
                preservesDSCP: preservesDSCP,
                receiveBufferBytes: receiveBufferBytes,
                activity: activity,
                counters: counters,
                ownSockets: ownSockets,
                links: links
            )
        } catch {
            note(error.operation, error.number)
        }
    }

    /// The session asks for another receive buffer from now on; nil = the system's default.
    func setReceiveBuffer(_ bytes: Int?) { mappings?.setReceiveBuffer(bytes) }

    func closeMappings() {
        mappings?.close()
        mappings = nil
    }

    /// The socket that sends for an asker; without a port for it the target's own, and counted.
    ///
    /// - Parameters:
    ///   - localAddress: where its datagrams came to; nil = where the last ones did.
    ///   - interfaceIndex: what they came in by; 0 = what the last ones did.
    func socketNumber(
        for asker: Endpoint?,
        localAddress: IPAddress? = nil,
        interfaceIndex: Int32 = 0,
        count: Int,
        at now: Int64
    ) -> Int32? {
        guard let mappings, let asker else { return socketNumber }
        let number = mappings.socketNumber(
            for: asker,
            localAddress: localAddress,
            interfaceIndex: interfaceIndex,
            at: now
        )
        if let number { return number }
        activity.countUnmapped(UInt64(count))
        return socketNumber
    }
}
