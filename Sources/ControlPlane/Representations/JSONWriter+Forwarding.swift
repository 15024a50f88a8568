import HTTPHosting
import RelayModel

extension JSONWriter {
    /// What a session forwards and within which limits, defaults included.
    mutating func forwardingMembers(of definition: SessionDefinition) {
        key("forward")
        beginArray()
        for target in definition.forward { self.target(target) }
        endArray()
        member("loopGuardMilliseconds", definition.loopGuardMilliseconds)
        if let limits = definition.limits { self.limits(limits) }
        switch definition.coalescing {
        case .microseconds(let microseconds): member("coalesceMicroseconds", microseconds)
        case .adaptive: member("coalesceMicroseconds", "adaptive")
        }
    }

    private mutating func target(_ target: ForwardTarget) {
        beginObject()
        switch target.destination {
        case .session(let name): member("session", name.description)
        case .endpoint(let endpoint): members(of: endpoint, of: target)
        }
        if target.preservesDSCP { member("dscp", "preserve") }
        member("ttlMode", target.ttlMode.rawValue)
        if target.ttlMode == .decrement { member("ttlThreshold", target.ttlThreshold) }
        member("sampleOneIn", target.sampleOneIn)
        strings("allow", target.allow)
        strings("deny", target.deny)
        if let limits = target.limits { self.limits(limits) }
        if let chaos = target.chaos { self.chaos(chaos) }
        endObject()
    }

    private mutating func members(of endpoint: ForwardEndpoint, of target: ForwardTarget) {
        member("address", endpoint.address.description)
        member("port", endpoint.port)
        if let interface = endpoint.interface { member("interface", interface.description) }
        if target.ttlMode == .fixed { member("ttl", endpoint.effectiveTTL) }
        if !target.preservesDSCP { member("dscp", endpoint.dscp) }
        member("localPort", endpoint.localPort)
        member("loopback", endpoint.loopback)
        member("sourceMode", endpoint.sourceMode.rawValue)
        guard let mapping = endpoint.mapReplies else { return }
        key("mapReplies")
        beginObject()
        member("lifetimeSeconds", mapping.lifetimeSeconds)
        member("askersMax", mapping.askersMax)
        endObject()
    }

    private mutating func limits(_ limits: TrafficLimits) {
        key("limits")
        beginObject()
        if let rate = limits.datagramsPerSecond { member("datagramsPerSecond", rate) }
        if let rate = limits.bytesPerSecond { member("bytesPerSecond", rate) }
        member("burstMilliseconds", limits.burstMilliseconds)
        endObject()
    }

    private mutating func chaos(_ chaos: Chaos) {
        key("chaos")
        beginObject()
        if let seed = chaos.seed { member("seed", seed) }
        member("lossPercent", chaos.lossPercent)
        member("duplicatePercent", chaos.duplicatePercent)
        member("reorderPercent", chaos.reorderPercent)
        member("delayMilliseconds", chaos.delayMilliseconds)
        member("jitterMilliseconds", chaos.jitterMilliseconds)
        if let rate = chaos.datagramsPerSecondMax { member("datagramsPerSecondMax", rate) }
        endObject()
    }
}
