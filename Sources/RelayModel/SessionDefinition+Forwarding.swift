// The rules of what a session forwards, and of its limits.
extension SessionDefinition {
    /// What is wrong with `forward` and `limits`; empty = nothing.
    func forwardingViolations() -> [FieldViolation] {
        var violations = countViolations() + repeatedTargetViolations()
        for (index, target) in forward.enumerated() {
            violations += target.faults(forwardedFrom: family).map { fault in
                FieldViolation(
                    .forward,
                    index: index,
                    member: fault.member,
                    fault.reason,
                    fault.detail
                )
            }
        }
        if let limits, !limits.limitsAnything {
            violations.append(FieldViolation(.limits, .missing, TrafficLimits.rule))
        }
        return violations
    }

    private func countViolations() -> [FieldViolation] {
        guard forward.count > DefinitionLimits.targetsMax else { return [] }
        return [
            FieldViolation(.forward, .invalid, "at most \(DefinitionLimits.targetsMax) targets")
        ]
    }

    private func repeatedTargetViolations() -> [FieldViolation] {
        var first: [ForwardTarget.Destination: Int] = [:]
        return forward.enumerated().compactMap { index, target in
            guard let earlier = first.updateValue(index, forKey: target.destination) else {
                return nil
            }
            first[target.destination] = earlier
            let detail = "goes where target \(earlier) goes; give each destination once"
            return FieldViolation(.forward, index: index, .invalid, detail)
        }
    }
}

extension TrafficLimits {
    /// Whether there is a limit at all.
    var limitsAnything: Bool { datagramsPerSecond != nil || bytesPerSecond != nil }

    static let rule = "give datagramsPerSecond, bytesPerSecond or both"
}

extension ForwardTarget {
    /// A rule that a target breaks.
    struct Fault {
        /// The member of the target, as a JSON pointer below it without its first slash.
        let member: String
        var reason = FieldViolation.Reason.invalid
        let detail: String
    }

    /// What is wrong with the target of a session whose socket has this address family.
    func faults(forwardedFrom family: IPAddress.Family) -> [Fault] {
        var faults: [Fault] = []
        if case .endpoint(let endpoint) = destination {
            faults += endpoint.faults(forwardedFrom: family)
            if ttlMode == .decrement && endpoint.ttl != nil {
                let detail = "is only for ttlMode fixed: with decrement the datagram says it"
                faults.append(Fault(member: "ttl", detail: detail))
            }
        }
        faults += Self.faults(of: allow, "allow") + Self.faults(of: deny, "deny")
        if let limits, !limits.limitsAnything {
            faults.append(Fault(member: "limits", reason: .missing, detail: TrafficLimits.rule))
        }
        if let chaos, chaos.jitterMilliseconds > chaos.delayMilliseconds {
            let detail = "must not be more than delayMilliseconds, \(chaos.delayMilliseconds)"
            faults.append(Fault(member: "chaos/jitterMilliseconds", detail: detail))
        }
        return faults
    }

    private static func faults(of blocks: [CIDRBlock], _ member: String) -> [Fault] {
        var faults = blocks.enumerated().compactMap { index, block in
            SessionDefinition.rule(ofMapped: block).map {
                Fault(member: "\(member)/\(index)", detail: $0)
            }
        }
        if blocks.count > DefinitionLimits.addressBlocksMax {
            let detail = "at most \(DefinitionLimits.addressBlocksMax) entries"
            faults.append(Fault(member: member, detail: detail))
        }
        return faults
    }
}

extension ForwardEndpoint {
    fileprivate func faults(forwardedFrom family: IPAddress.Family) -> [ForwardTarget.Fault] {
        var faults: [ForwardTarget.Fault] = []
        func fault(_ member: String, _ detail: String) {
            faults.append(ForwardTarget.Fault(member: member, detail: detail))
        }
        if let plain = address.mappedIPv4 {
            fault("address", SessionDefinition.rule(ofMapped: address, plain))
        } else if !canBeSentTo {
            fault("address", "\(address) is neither a host nor a group nor a broadcast address")
        } else if address.needsInterface && interface == nil {
            faults.append(
                ForwardTarget.Fault(
                    member: "interface",
                    reason: .missing,
                    detail: "\(address) is link-local: name the interface"
                )
            )
        }
        if case .address(let named)? = interface, let plain = named.mappedIPv4 {
            fault("interface", SessionDefinition.rule(ofMapped: named, plain))
        }
        if sourceMode == .preserve {
            if address.family != family {
                fault("sourceMode", "a sender's address is preserved only within its family")
            }
            if mapReplies != nil {
                fault("mapReplies", "needs sourceMode own: answers go to the source address")
            }
        }
        if mapReplies != nil && localPort != 0 {
            fault("localPort", "must be 0 with mapReplies: each asker is given a port of its own")
        }
        return faults
    }

    private var canBeSentTo: Bool {
        guard address.isMulticast else {
            return address.isUnicast || address == .limitedBroadcast
        }
        if let scope = address.multicastScope { return scope >= 2 && scope != 15 }
        return address != IPAddress(ipv4: 0xE000_0000)
    }
}
