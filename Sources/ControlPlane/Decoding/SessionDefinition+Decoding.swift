import Foundation
import HTTPHosting
import RelayModel

extension SessionDefinition {
    /// Members that the service writes and ignores on input.
    static let readOnlyMembers: Set<String> = [
        "id", "origin", "generation", "createdAt", "updatedAt", "status", "counters",
    ]

    /// Reads what a client sent; throws the problem that names every bad field.
    ///
    /// A definition without a name is given one.
    init(decoding body: JSONValue) throws(Problem) {
        try self.init(decoding: try body.members(of: "the body"), at: "")
    }

    /// Reads a body whose session the path names: `name` may be left out. Another name is 409
    /// `name-mismatch` (RFC 9110 section 9.3.4).
    init(decoding body: JSONValue, as name: SessionName) throws(Problem) {
        var members = try body.members(of: "the body")
        if members["name"] == nil { members["name"] = .string(name.description) }
        try self.init(decoding: members, at: "")
        if self.name == name { return }
        let detail = "must be \(name), as in the path, or be left out"
        throw Problem(
            status: .conflict,
            code: "name-mismatch",
            title: "Name mismatch",
            detail: "/name: \(detail)",
            errors: [Problem.FieldError(pointer: "/name", detail: detail)]
        )
    }

    /// Reads the members of an object at a JSON pointer.
    init(decoding members: [String: JSONValue], at pointer: String) throws(Problem) {
        var reader = ObjectReader(members, at: pointer)
        let decoded = reader.definition()
        if let problem = reader.problem { throw problem }
        guard let decoded else { preconditionFailure("no definition and no fault") }
        self = decoded
    }
}

extension ObjectReader {
    /// The definition, or nil after a fault.
    fileprivate mutating func definition() -> SessionDefinition? {
        guard has("kind") else {
            add(.missingField, "kind", "say what the session is")
            return nil
        }
        guard let kind = word("kind", SessionKind.self) else { return nil }
        refuseForeignFields(of: kind)
        let role = readRole(of: kind)
        requireFields(of: kind)
        let name =
            parsed("name", SessionName.rule, SessionName.init) ?? SessionName.generated(for: kind)
        // A bad port is a fault; 1 stands in for it while the other fields are read.
        let port = UInt16(integer("port", in: 1...65_535) ?? 1)
        var definition = SessionDefinition(name: name, kind: kind, role: role, port: port)
        readAddresses(&definition)
        readFilter(&definition)
        readSending(&definition)
        readForwarding(&definition)
        readObservation(&definition)
        readMetadata(&definition)
        finish(ignoring: SessionDefinition.readOnlyMembers)
        addViolations(of: definition)
        definition.removeRepeatedSources()
        return definition
    }

    /// The role of a broadcast. A role that is none is a fault, and then no field is blamed for not
    /// belonging to it.
    private mutating func readRole(of kind: SessionKind) -> BroadcastRole? {
        guard kind == .broadcast else { return nil }
        let isGiven = has("role")
        let role = word("role", BroadcastRole.self)
        if role != nil || !isGiven { refuseForeignFields(of: role ?? .peer) }
        return role ?? .peer
    }

    private mutating func refuseForeignFields(of kind: SessionKind) {
        for field in SessionField.allCases where !field.applies(to: kind) {
            if take(field.rawValue) != nil {
                add(.unknownField, field.rawValue, "is not a field of a \(kind.rawValue)")
            }
        }
    }

    private mutating func refuseForeignFields(of role: BroadcastRole) {
        for field in SessionField.allCases where !field.applies(to: role) {
            if take(field.rawValue) != nil {
                invalid(
                    field.rawValue,
                    "does not apply to a broadcast in the role \(role.rawValue)"
                )
            }
        }
    }

    private mutating func requireFields(of kind: SessionKind) {
        if kind.isMulticast && !has("group") { add(.missingField, "group", "name the group") }
        if !has("port") { add(.missingField, "port", "name the UDP port") }
    }

    private mutating func readAddresses(_ definition: inout SessionDefinition) {
        definition.group = parsed("group", "an IPv4 or IPv6 multicast address") { IPAddress($0) }
        definition.address = parsed("address", "an IPv4 broadcast address") { IPAddress($0) }
        definition.interface = parsed(
            "interface",
            "an interface name of 1 to 15 characters, or an address",
            InterfaceSelector.init
        )
        if let port = integer("localPort", in: 0...65_535) { definition.localPort = UInt16(port) }
        if let flag = boolean("exclusive") { definition.exclusive = flag }
        let sources = list(
            "sources",
            "an IP address",
            count: 0...DefinitionLimits.sourcesMax,
            unique: true
        ) { IPAddress($0) }
        definition.sources = sources ?? []
    }

    private mutating func readFilter(_ definition: inout SessionDefinition) {
        definition.allow = blocks("allow")
        definition.deny = blocks("deny")
        if let port = integer("requireSourcePort", in: 0...65_535) {
            definition.requireSourcePort = UInt16(port)
        }
        let classes = list(
            "accept",
            "multicast, broadcast or unicast",
            count: 1...3,
            unique: true,
            DestinationClass.init(name:)
        )
        if let classes { definition.accept = DestinationClassSet(classes) }
        if let model = word("hostModel", HostModel.self) { definition.hostModel = model }
        if let flag = boolean("receiveOwn") { definition.receiveOwn = flag }
    }

    private mutating func readSending(_ definition: inout SessionDefinition) {
        if let flag = boolean("loopback") { definition.loopback = flag }
        if let ttl = integer("ttl", in: 1...255) { definition.ttl = UInt8(ttl) }
        if let dscp = dscp() { definition.dscp = dscp }
        definition.reply = readReply()
    }

    private mutating func readReply() -> Reply? {
        guard var reader = object("reply") else { return nil }
        let forms = Reply.forms.map(\.member).filter(reader.has)
        let perSecondMax = reader.integer("perSecondMax", in: Reply.perSecondRange)
        let recipient = reader.word("to", Reply.Recipient.self)
        let ttl = reader.integer("ttl", in: 1...255)
        let content: Reply.Content? =
            switch forms.first {
            case "text": reader.string("text").map { .text($0) }
            case "base64": reader.base64("base64").map { .bytes($0) }
            case "template": reader.template("template").map { .template($0) }
            case "handler":
                reader.parsed("handler", HandlerName.rule, HandlerName.init).map { .handler($0) }
            default: nil
            }
        if let content, content.lengthMax > DefinitionLimits.datagramBytesMax {
            reader.invalid(
                forms[0],
                "a datagram carries at most \(DefinitionLimits.datagramBytesMax) bytes"
            )
        }
        reader.finish(ignoring: Set(Reply.forms.map(\.member)))
        append(reader.faults)
        if forms.count != 1 {
            let code: Fault.Code = forms.isEmpty ? .missingField : .invalidField
            add(code, "reply", "give exactly one of text, base64, template and handler")
        }
        guard let content, forms.count == 1 else { return nil }
        var reply = Reply(content, perSecondMax: perSecondMax ?? Reply.perSecondDefault)
        reply.to = recipient ?? .sender
        reply.ttl = ttl.map { UInt8($0) }
        return reply
    }

    private mutating func template(_ key: String) -> ReplyTemplate? {
        guard let text = string(key) else { return nil }
        do {
            return try ReplyTemplate(text)
        } catch {
            invalid(key, error.description)
            return nil
        }
    }

    private mutating func readObservation(_ definition: inout SessionDefinition) {
        if let count = integer("recentPackets", in: 0...DefinitionLimits.recentPacketsMax) {
            definition.recentPackets = count
        }
        if let length = integer("snapLength", in: 0...DefinitionLimits.snapLengthMax) {
            definition.snapLength = length
        }
        if let flag = boolean("recordDSCP") { definition.recordDSCP = flag }
        definition.receiveBufferBytes = integer(
            "receiveBufferBytes",
            in: DefinitionLimits.receiveBufferBytesRange
        )
    }

    private mutating func readMetadata(_ definition: inout SessionDefinition) {
        if let word = word("whenUnavailable", SessionDefinition.WhenUnavailable.self) {
            definition.whenUnavailable = word
        }
        if let flag = boolean("enabled") { definition.enabled = flag }
        if let flag = boolean("persist") { definition.persist = flag }
        definition.labels = metadata("labels", Label.valueRule, Label.isValue)
        let charactersMax = DefinitionLimits.annotationValueCharactersMax
        definition.annotations = metadata(
            "annotations",
            "at most \(charactersMax) characters"
        ) { $0.unicodeScalars.count <= charactersMax }
    }

    private mutating func metadata(
        _ key: String,
        _ rule: String,
        _ isValid: (String) -> Bool
    ) -> [String: String] {
        guard let value = take(key) else { return [:] }
        guard case .object(let members) = value else {
            invalid(key, "must be an object, not \(value.typeName)")
            return [:]
        }
        if members.count > DefinitionLimits.metadataEntriesMax {
            invalid(key, "at most \(DefinitionLimits.metadataEntriesMax) entries")
            return [:]
        }
        var entries: [String: String] = [:]
        var reader = ObjectReader(members, at: pointer(to: key))
        for name in members.keys.sorted() {
            if !Label.isKey(name) {
                _ = reader.take(name)
                reader.invalid(name, Label.keyRule)
            } else if let text = reader.string(name) {
                if isValid(text) {
                    entries[name] = text
                } else {
                    reader.invalid(name, "must be \(rule)")
                }
            }
        }
        append(reader.faults)
        return entries
    }

    private mutating func addViolations(of definition: SessionDefinition) {
        // A field that could not be read is not missing as well.
        let reported = Set(faults.map(\.pointer))
        for violation in definition.violations() {
            if reported.contains(pointer(to: violation.field.rawValue)) { continue }
            append([
                Fault(
                    code: violation.reason == .missing ? .missingField : .invalidField,
                    pointer: objectPointer + violation.pointer,
                    detail: violation.detail
                )
            ])
        }
    }
}

extension SessionDefinition {
    /// Keeps one of several sources that are the same address in different spellings. Done last,
    /// because until then the indexes are those of the body.
    fileprivate mutating func removeRepeatedSources() {
        var seen: Set<IPAddress> = []
        sources.removeAll { !seen.insert($0).inserted }
    }
}

extension Reply {
    /// The members of which a reply has exactly one, each with a value that it may have.
    static let forms = [
        (member: "text", example: ""), (member: "base64", example: ""),
        (member: "template", example: ""), (member: "handler", example: "a"),
    ]
}

extension Reply.Content {
    /// Bytes of the reply; 0 for a template, whose rendering always fits, and for a handler.
    fileprivate var lengthMax: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        case .template, .handler: 0
        }
    }
}
