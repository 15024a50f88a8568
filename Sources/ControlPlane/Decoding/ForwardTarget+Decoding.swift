import RelayModel

extension ObjectReader {
    /// Reads what a session forwards, and within which limits.
    mutating func readForwarding(_ definition: inout SessionDefinition) {
        definition.forward = targets()
        if let milliseconds = integer(
            "loopGuardMilliseconds",
            in: DefinitionLimits.loopGuardMillisecondsRange
        ) {
            definition.loopGuardMilliseconds = milliseconds
        }
        definition.limits = limits()
        if let coalescing = coalescing() { definition.coalescing = coalescing }
    }

    /// The targets; none after a fault.
    private mutating func targets() -> [ForwardTarget] {
        guard let value = take("forward") else { return [] }
        guard case .array(let elements) = value else {
            invalid("forward", "must be an array, not \(value.typeName)")
            return []
        }
        guard elements.count <= DefinitionLimits.targetsMax else {
            invalid("forward", "must have 0 to \(DefinitionLimits.targetsMax) elements")
            return []
        }
        var targets: [ForwardTarget] = []
        for (index, element) in elements.enumerated() {
            let pointer = "\(pointer(to: "forward"))/\(index)"
            guard case .object(let members) = element else {
                let detail = "must be an object, not \(element.typeName)"
                append([Fault(code: .invalidField, pointer: pointer, detail: detail)])
                continue
            }
            var reader = ObjectReader(members, at: pointer)
            if let target = reader.target() { targets.append(target) }
            append(reader.faults)
        }
        return targets.count == elements.count ? targets : []
    }

    /// The target that this object is; nil after a fault.
    private mutating func target() -> ForwardTarget? {
        guard has("session") != has("address") else {
            let isNeither = !has("session")
            let detail = "give exactly one of session and address"
            let code: Fault.Code = isNeither ? .missingField : .invalidField
            append([Fault(code: code, pointer: objectPointer, detail: detail)])
            return nil
        }
        let ttlMode = word("ttlMode", ForwardTarget.TTLMode.self) ?? .fixed
        let preservesDSCP = takesPreservedDSCP()
        let destination = has("session") ? sessionDestination() : endpointDestination(ttlMode)
        // A bad destination is a fault; another stands in for it while the other members are read.
        var target = ForwardTarget(
            destination ?? .endpoint(ForwardEndpoint(.unspecified(.ipv4), port: 1))
        )
        target.ttlMode = ttlMode
        target.preservesDSCP = preservesDSCP
        target.allow = blocks("allow")
        target.deny = blocks("deny")
        if let threshold = integer("ttlThreshold", in: 1...254) {
            target.ttlThreshold = UInt8(threshold)
        }
        if ttlMode == .fixed && target.ttlThreshold != 1 {
            invalid("ttlThreshold", "is only for ttlMode decrement")
        }
        if let count = integer("sampleOneIn", in: DefinitionLimits.sampleOneInRange) {
            target.sampleOneIn = count
        }
        target.limits = limits()
        target.chaos = chaos()
        finish()
        return faults.isEmpty ? target : nil
    }

    /// Takes `dscp` away where it is the word for the DSCP that was received.
    private mutating func takesPreservedDSCP() -> Bool {
        guard case .string("preserve")? = members["dscp"] else { return false }
        _ = take("dscp")
        return true
    }

    private mutating func sessionDestination() -> ForwardTarget.Destination? {
        if take("dscp") != nil {
            let detail = "is only preserve for a session, which has a dscp of its own"
            invalid("dscp", detail)
        }
        return parsed("session", SessionName.rule, SessionName.init).map { .session($0) }
    }

    private mutating func endpointDestination(
        _ ttlMode: ForwardTarget.TTLMode
    ) -> ForwardTarget.Destination? {
        let address = parsed("address", "an IPv4 or IPv6 address") { IPAddress($0) }
        if !has("port") { add(.missingField, "port", "name the UDP port") }
        let port = integer("port", in: 1...65_535)
        var endpoint = ForwardEndpoint(address ?? .unspecified(.ipv4), port: UInt16(port ?? 1))
        endpoint.interface = parsed(
            "interface",
            "an interface name of 1 to 15 characters, or an address",
            InterfaceSelector.init
        )
        endpoint.ttl = integer("ttl", in: 1...255).map { UInt8($0) }
        // As it is shown: what is read and written back is the same definition.
        if ttlMode == .fixed { endpoint.ttl = endpoint.effectiveTTL }
        if let dscp = dscp(orPreserve: true) { endpoint.dscp = dscp }
        if let port = integer("localPort", in: 0...65_535) { endpoint.localPort = UInt16(port) }
        if let flag = boolean("loopback") { endpoint.loopback = flag }
        if let mode = word("sourceMode", ForwardEndpoint.SourceMode.self) {
            endpoint.sourceMode = mode
        }
        endpoint.mapReplies = replyMapping()
        return address == nil || port == nil ? nil : .endpoint(endpoint)
    }

    private mutating func replyMapping() -> ReplyMapping? {
        guard var reader = object("mapReplies") else { return nil }
        let lifetime = reader.integer("lifetimeSeconds", in: ReplyMapping.lifetimeSecondsRange)
        let askers = reader.integer("askersMax", in: ReplyMapping.askersMaxRange)
        reader.finish()
        append(reader.faults)
        return ReplyMapping(
            lifetimeSeconds: lifetime ?? ReplyMapping.lifetimeSecondsDefault,
            askersMax: askers ?? ReplyMapping.askersMaxDefault
        )
    }
}

extension ObjectReader {
    /// The member `dscp` as a number; nil when it is absent, and after a fault.
    ///
    /// - Parameter orPreserve: whether `"preserve"`, which was looked for before, may be given, too.
    mutating func dscp(orPreserve: Bool = false) -> UInt8? {
        guard let value = take("dscp") else { return nil }
        if case .number(let number) = value, let dscp = UInt8(exactly: number), dscp <= 63 {
            return dscp
        }
        let range = "must be an integer from 0 to 63"
        switch value {
        case .number, .string:
            invalid(
                "dscp",
                orPreserve
                    ? range + ", or preserve"
                    : range + "; preserve is for targets of forward, whose datagrams come with one"
            )
        default: invalid("dscp", "\(range), not \(value.typeName)")
        }
        return nil
    }

    /// A list of address blocks; empty when it is absent, and after a fault.
    mutating func blocks(_ key: String) -> [CIDRBlock] {
        list(
            key,
            "an address or a CIDR block like 192.168.10.0/24",
            count: 0...DefinitionLimits.addressBlocksMax,
            CIDRBlock.init
        ) ?? []
    }
}
