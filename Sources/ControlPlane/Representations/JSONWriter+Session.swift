import HTTPHosting
import RelayModel

extension JSONWriter {
    /// A session: its definition, what the service knows of it, and its counters when asked.
    mutating func session(_ session: ManagedSession, includesCounters: Bool) {
        beginObject()
        if let definition = session.definition {
            members(of: definition)
        } else {
            member("name", session.name.description)
            member("kind", session.kind.rawValue)
        }
        member("id", session.id.description)
        member("origin", "api")
        member("generation", session.generation)
        member("createdAt", session.createdAt)
        member("updatedAt", session.updatedAt)
        key("status")
        status(session.status)
        if includesCounters {
            key("counters")
            counters(of: session)
        }
        endObject()
    }

    private mutating func status(_ status: SessionStatus) {
        beginObject()
        member("state", status.state.rawValue)
        member("since", status.since)
        if let reason = status.reason {
            key("reason")
            beginObject()
            member("code", reason.code.rawValue)
            member("detail", reason.detail)
            if let errno = reason.errno { member("errno", errno) }
            endObject()
        }
        if let interface = status.interface {
            key("interface")
            beginObject()
            member("name", interface.name)
            member("index", interface.index)
            if let address = interface.address { member("address", address.description) }
            endObject()
        }
        if let local = status.localAddress { endpoint("localAddress", local) }
        if let destination = status.destination { endpoint("destination", destination) }
        if let bytes = status.receiveBufferBytes { member("receiveBufferBytes", bytes) }
        endObject()
    }

    /// A member `{"address":…,"port":…}`.
    mutating func endpoint(_ name: String, _ endpoint: Endpoint) {
        key(name)
        beginObject()
        member("address", endpoint.address.description)
        member("port", endpoint.port)
        endObject()
    }

    /// A member whose value is an RFC 3339 time in UTC.
    mutating func member(_ name: String, _ moment: Timestamp) {
        member(name, moment.rfc3339)
    }
}
