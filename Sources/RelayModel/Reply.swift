/// What a receiver answers to each accepted datagram.
package struct Reply: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        case text(String)
        /// Bytes that JSON carries as base64.
        case bytes([UInt8])
        case template(ReplyTemplate)
        /// What a command prints that the operator declared: each line is a reply.
        case handler(HandlerName)
    }

    /// Where an answer goes.
    package enum Recipient: String, Sendable, CaseIterable {
        /// To the sender of the datagram.
        case sender
        /// Where the datagram was sent to: its group or broadcast address, and the session's port.
        /// To the sender where that was an address of this host.
        case destination
    }

    package var content: Content
    package var to = Recipient.sender
    /// TTL or hop limit, 1–255; nil = 1 for groups and broadcasts, the system's for hosts
    /// (`net.ipv4.ip_default_ttl`).
    package var ttl: UInt8?
    /// Replies a second at most, 1–1 000 000: a spoofed source makes any responder a reflector.
    package var perSecondMax: Int

    package static let perSecondDefault = 100
    package static let perSecondRange = 1...1_000_000

    /// The handler that answers, if one does.
    package var handler: HandlerName? {
        if case .handler(let name) = content { name } else { nil }
    }

    package init(_ content: Content, perSecondMax: Int = Reply.perSecondDefault) {
        self.content = content
        self.perSecondMax = perSecondMax
    }
}
