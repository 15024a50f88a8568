import HTTPHosting
import RelayEngine
import RelayModel

// How the targets of `forward` fare and what they count; nothing for a session without.
extension JSONWriter {
    /// The member `forward` of a status.
    mutating func targetStates(of session: ManagedSession) {
        guard let definition = session.definition, !definition.forward.isEmpty else { return }
        key("forward")
        beginArray()
        for (target, state) in zip(definition.forward, session.targetStates()) {
            beginObject()
            switch target.destination {
            case .session(let name): member("session", name.description)
            case .endpoint(let endpoint):
                member("address", endpoint.address.description)
                member("port", endpoint.port)
            }
            member("state", state.reason == nil ? "running" : "waiting")
            if let reason = state.reason { self.reason(reason) }
            if let interface = state.interface { self.interface(interface) }
            if let local = state.localAddress { endpoint("localAddress", local) }
            endObject()
        }
        endArray()
    }

    /// The member `targets` of the counters.
    mutating func targetCounters(of session: ManagedSession) {
        guard let definition = session.definition, !definition.forward.isEmpty else { return }
        let readings = session.activity.readings(of: definition.forward)
        key("targets")
        beginArray()
        for (target, reading) in zip(definition.forward, readings) {
            beginObject()
            destination(target.destination)
            counters(of: target, reading.values)
            if let error = reading.lastError { lastError(error) }
            endObject()
        }
        endArray()
    }

    private mutating func destination(_ destination: ForwardTarget.Destination) {
        switch destination {
        case .session(let name): member("session", name.description)
        case .endpoint(let endpoint):
            member("address", endpoint.address.description)
            member("port", endpoint.port)
            if let interface = endpoint.interface { member("interface", interface.description) }
        }
    }

    private mutating func counters(of target: ForwardTarget, _ values: TargetValues) {
        traffic("forwarded", values.forwarded)
        member("failed", values.failed)
        member("sendBufferFull", values.sendBufferFull)
        if case .endpoint = target.destination { member("unreachable", values.unreachable) }
        key("dropped")
        beginObject()
        for reason in TargetDropReason.allCases {
            member(reason.name, values.dropped[Int(reason.rawValue)])
        }
        endObject()
        if target.chaos != nil { member("held", values.held) }
        if case .endpoint(let endpoint) = target.destination, endpoint.mapReplies != nil {
            traffic("mappedReplies", values.mappedReplies)
            member("unmapped", values.unmapped)
            member("expiredReplies", values.expiredReplies)
            member("strayReplies", values.strayReplies)
        }
    }

    /// The list of the askers whose answers are sent back.
    mutating func mappings(of session: ManagedSession) {
        let targets = session.definition?.forward ?? []
        beginObject()
        key("items")
        beginArray()
        var total = 0
        for (index, mappings) in session.activity.mappings(of: targets).enumerated() {
            for mapping in mappings {
                beginObject()
                member("target", index)
                endpoint("asker", mapping.asker)
                endpoint("localAddress", mapping.localEndpoint)
                member("createdAt", mapping.createdAt)
                member("expiresAt", mapping.expiresAt)
                traffic("replies", mapping.replies)
                endObject()
                total += 1
            }
        }
        endArray()
        member("total", total)
        endObject()
    }

    private mutating func traffic(_ name: String, _ traffic: Traffic) {
        key(name)
        beginObject()
        member("datagrams", traffic.datagrams)
        member("bytes", traffic.bytes)
        endObject()
    }

    private mutating func lastError(_ error: TransferError) {
        key("lastError")
        beginObject()
        member("at", error.at)
        member("operation", error.operation)
        member("errno", error.errno)
        endObject()
    }
}
