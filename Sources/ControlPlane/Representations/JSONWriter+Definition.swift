import Foundation
import HTTPHosting
import RelayModel

typealias JSONWriter = HTTPHosting.JSONWriter

extension JSONWriter {
    /// The members of a definition: every field of its kind and role, defaults included; what was
    /// not set and has no default is left out.
    mutating func members(of definition: SessionDefinition) {
        member("name", definition.name.description)
        membersAfterName(of: definition)
    }

    mutating func membersAfterName(of definition: SessionDefinition) {
        member("kind", definition.kind.rawValue)
        if let role = definition.role { member("role", role.rawValue) }
        if let group = definition.group { member("group", group.description) }
        if let address = definition.address { member("address", address.description) }
        member("port", definition.port)
        if let interface = definition.interface { member("interface", interface.description) }
        if !definition.sources.isEmpty { strings("sources", definition.sources) }
        strings("allow", definition.allow)
        strings("deny", definition.deny)
        member("requireSourcePort", definition.requireSourcePort)
        strings("accept", definition.accept.members.map(\.name))
        member("hostModel", definition.hostModel.rawValue)
        sendingMembers(of: definition)
        if let reply = definition.reply { self.reply(reply) }
        forwardingMembers(of: definition)
        member("recentPackets", definition.recentPackets)
        member("snapLength", definition.snapLength)
        member("recordDSCP", definition.recordDSCP)
        if let bytes = definition.receiveBufferBytes { member("receiveBufferBytes", bytes) }
        member("whenUnavailable", definition.whenUnavailable.rawValue)
        dictionary("labels", definition.labels)
        dictionary("annotations", definition.annotations)
        member("enabled", definition.enabled)
        member("persist", definition.persist)
    }

    private mutating func sendingMembers(of definition: SessionDefinition) {
        func has(_ field: SessionField) -> Bool {
            field.applies(to: definition.kind, role: definition.role)
        }
        if has(.receiveOwn) { member("receiveOwn", definition.receiveOwn) }
        if has(.loopback) { member("loopback", definition.loopback) }
        if has(.ttl) { member("ttl", definition.ttl) }
        if has(.dscp) { member("dscp", definition.dscp) }
        if has(.localPort) { member("localPort", definition.localPort) }
        if has(.exclusive) { member("exclusive", definition.exclusive) }
    }

    private mutating func reply(_ reply: Reply) {
        key("reply")
        beginObject()
        switch reply.content {
        case .text(let text): member("text", text)
        case .bytes(let bytes): member("base64", Data(bytes).base64EncodedString())
        case .template(let template): member("template", template.source)
        case .handler(let name): member("handler", name.description)
        }
        member("to", reply.to.rawValue)
        if let ttl = reply.ttl { member("ttl", ttl) }
        member("perSecondMax", reply.perSecondMax)
        endObject()
    }

    mutating func strings(_ name: String, _ values: [some CustomStringConvertible]) {
        key(name)
        beginArray()
        for element in values { value(element.description) }
        endArray()
    }

    private mutating func dictionary(_ name: String, _ entries: [String: String]) {
        key(name)
        beginObject()
        for (key, value) in entries.sorted(by: { $0.key < $1.key }) { member(key, value) }
        endObject()
    }
}
