import RelayEngine
import RelayModel

// What the operator allows targets of `forward` to be. Those that are sessions are judged by
// themselves.
extension SessionPolicy {
    /// What the policy has against the targets of a definition; empty if nothing.
    func targetViolations(of definition: SessionDefinition) -> [FieldViolation] {
        definition.forward.enumerated().flatMap { index, target in
            var faults: [(member: String, detail: String)] = []
            if case .endpoint(let endpoint) = target.destination {
                faults = self.faults(of: endpoint, target.ttlMode)
            }
            // The largest that a datagram can come with, less 1.
            if target.ttlMode == .decrement && ttlMax < 254 {
                faults.append(
                    ("ttlMode", "decrement may send a TTL of 254, which is more than \(ttlMax)")
                )
            }
            return faults.map {
                FieldViolation(.forward, index: index, member: $0.member, .invalid, $0.detail)
            }
        }
    }

    private func faults(
        of endpoint: ForwardEndpoint,
        _ ttlMode: ForwardTarget.TTLMode
    ) -> [(member: String, detail: String)] {
        var faults: [(member: String, detail: String)] = []
        if endpoint.address.isMulticast, let detail = fault(ofGroup: endpoint.address) {
            faults.append(("address", detail))
        }
        if !allowsBroadcast && endpoint.address == .limitedBroadcast {
            faults.append(("address", "must not be a broadcast address here"))
        }
        if let detail = fault(ofPort: endpoint.port) { faults.append(("port", detail)) }
        if endpoint.localPort != 0, let detail = fault(ofPort: endpoint.localPort) {
            faults.append(("localPort", detail))
        }
        if case .name(let name)? = endpoint.interface, let detail = fault(ofInterface: name) {
            faults.append(("interface", detail))
        }
        if ttlMode == .fixed && endpoint.effectiveTTL > ttlMax {
            faults.append(("ttl", "\(endpoint.effectiveTTL) is more than \(ttlMax)"))
        }
        return faults
    }

    /// Why a definition is refused because a target is the broadcast address of a network of this
    /// host, which only the interfaces tell; nil if it is not.
    func refusal(ofDirectedBroadcasts definition: SessionDefinition) -> SessionError? {
        guard !allowsBroadcast else { return nil }
        let addresses = definition.forward.enumerated().compactMap { index, target in
            if case .endpoint(let endpoint) = target.destination {
                (index: index, address: endpoint.address)
            } else {
                nil
            }
        }
        guard !addresses.isEmpty, let interfaces = try? HostNetwork.interfaces() else { return nil }
        let broadcasts = Set(interfaces.flatMap { $0.addresses.compactMap(\.broadcast) })
        guard let target = addresses.first(where: { broadcasts.contains($0.address) }) else {
            return nil
        }
        let detail = "must not be a broadcast address here"
        return SessionError(
            .forbiddenByPolicy,
            "the operator's policy forbids it: forward \(target.index) \(detail)",
            violations: [
                FieldViolation(.forward, index: target.index, member: "address", .invalid, detail)
            ]
        )
    }
}
