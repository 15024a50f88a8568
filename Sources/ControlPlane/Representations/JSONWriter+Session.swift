import HTTPHosting
import RelayModel

extension JSONWriter {
    /// A session: its definition, what the service knows of it, and its counters when asked.
    mutating func session(
        _ session: ManagedSession,
        _ status: SessionStatus,
        includesCounters: Bool
    ) {
        beginObject()
        raw(session.fixedMembers.bytes)
        key("status")
        self.status(status, of: session)
        if includesCounters {
            key("counters")
            counters(of: session)
        }
        endObject()
    }

    /// The member `status`, without braces.
    static func statusMember(of session: ManagedSession) -> [UInt8] {
        var writer = JSONWriter()
        writer.key("status")
        writer.status(session.status, of: session)
        return writer.bytes
    }

    private mutating func status(_ status: SessionStatus, of session: ManagedSession) {
        beginObject()
        member("state", status.state.rawValue)
        member("since", status.since)
        if let reason = status.reason {
            self.reason(reason)
        }
        if let interface = status.interface { self.interface(interface) }
        if let local = status.localAddress { endpoint("localAddress", local) }
        if let destination = status.destination { endpoint("destination", destination) }
        if let bytes = status.receiveBufferBytes { member("receiveBufferBytes", bytes) }
        targetStates(of: session)
        if status.state == .running || status.state == .degraded { warnings(session.warnings) }
        endObject()
    }

    /// A member `warnings`, if there are any.
    private mutating func warnings(_ warnings: [SessionWarning]) {
        if warnings.isEmpty { return }
        key("warnings")
        beginArray()
        for warning in warnings {
            beginObject()
            member("code", warning.code.rawValue)
            member("detail", warning.detail)
            member("since", warning.since)
            endObject()
        }
        endArray()
    }

    /// A member `reason`: why something is not as it should be.
    mutating func reason(_ reason: SessionError) {
        key("reason")
        beginObject()
        member("code", reason.code.rawValue)
        member("detail", reason.detail)
        if let errno = reason.errno { member("errno", errno) }
        endObject()
    }

    /// A member `interface`: the one in use.
    mutating func interface(_ interface: InterfaceReference) {
        key("interface")
        beginObject()
        member("name", interface.name)
        member("index", interface.index)
        if let address = interface.address { member("address", address.description) }
        endObject()
    }

    /// A member `{"address":…,"port":…}`.
    mutating func endpoint(_ name: StaticString, _ endpoint: Endpoint) {
        beginObject(name)
        member("address", endpoint.address)
        member("port", UInt64(endpoint.port))
        endObject()
    }

    /// A member whose value is an address.
    mutating func member(_ name: StaticString, _ address: IPAddress) {
        guard let (ascii, count) = address.dottedQuadASCII else {
            return member(name, address.description)
        }
        member(name, plain: ascii.span.extracting(0..<count))
    }

    /// A member whose value is an RFC 3339 time in UTC.
    mutating func member(_ name: StaticString, _ moment: Timestamp) {
        let ascii = moment.rfc3339ASCII
        member(name, plain: ascii.span)
    }

    /// A member whose value is an id.
    mutating func member(_ name: StaticString, _ id: SessionID) {
        let ascii = id.ascii
        member(name, plain: ascii.span)
    }
}
