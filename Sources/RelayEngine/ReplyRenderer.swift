import RelayModel

/// Writes the reply to a datagram into a buffer that is reused.
struct ReplyRenderer {
    /// What the placeholders of a template stand for.
    struct Context {
        let source: Endpoint
        let destination: IPAddress?
        let interface: String
        let length: Int
        let sequence: UInt64
    }

    private let fixed: [UInt8]?
    private let segments: [ReplyTemplate.Segment]
    private let hostname: String
    private var rendered: [UInt8] = []

    init(_ content: Reply.Content, hostname: String) {
        self.hostname = hostname
        switch content {
        case .text(let text): (fixed, segments) = (Array(text.utf8), [])
        case .bytes(let bytes): (fixed, segments) = (bytes, [])
        case .template(let template): (fixed, segments) = (nil, template.segments)
        // Its answers come from elsewhere.
        case .handler: (fixed, segments) = ([], [])
        }
    }

    /// The reply's bytes; valid until the next call.
    mutating func render(_ context: Context) -> [UInt8] {
        if let fixed { return fixed }
        rendered.removeAll(keepingCapacity: true)
        for segment in segments {
            switch segment {
            case .literal(let bytes): rendered.append(contentsOf: bytes)
            case .placeholder(let placeholder): append(placeholder, context)
            }
        }
        return rendered
    }

    private mutating func append(_ placeholder: ReplyTemplate.Placeholder, _ context: Context) {
        switch placeholder {
        case .hostname: rendered.append(contentsOf: hostname.utf8)
        case .sourceAddress: rendered.append(contentsOf: context.source.address.description.utf8)
        case .sourcePort: rendered.append(contentsOf: String(context.source.port).utf8)
        case .destinationAddress:
            rendered.append(contentsOf: (context.destination?.description ?? "").utf8)
        case .interface: rendered.append(contentsOf: context.interface.utf8)
        case .length: rendered.append(contentsOf: String(context.length).utf8)
        case .sequence: rendered.append(contentsOf: String(context.sequence).utf8)
        }
    }
}
