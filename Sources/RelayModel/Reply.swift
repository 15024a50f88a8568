/// What a receiver answers to the sender of each accepted datagram.
package struct Reply: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        case text(String)
        /// Bytes that JSON carries as base64.
        case bytes([UInt8])
        case template(ReplyTemplate)
        /// What a command prints that the operator declared: each line is a reply.
        case handler(HandlerName)
    }

    package var content: Content
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
