import HTTPHosting

/// Writes the lines of text/event-stream (HTML, 9.2.6).
enum EventFrame {
    /// An event; its data is JSON, which has no line breaks.
    static func event(_ name: String, id: String? = nil, data: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(data.count + name.utf8.count + 48)
        if let id { frame += "id: \(id)\n".utf8 }
        frame += "event: \(name)\ndata: ".utf8
        frame += data
        frame += "\n\n".utf8
        return frame
    }

    /// An event whose data is an object.
    static func event(
        _ name: String,
        id: String? = nil,
        _ members: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        members(&writer)
        writer.endObject()
        return event(name, id: id, data: writer.bytes)
    }

    /// A comment, which keeps the connection alive and finds out whether the client still is.
    static let heartbeat = Array(": heartbeat\n\n".utf8)

    /// A comment that also says how far the client is: an id without data is no event, but what the
    /// client names when it connects again (HTML, 9.2.6).
    static func heartbeat(id: String) -> [UInt8] { Array(": heartbeat\nid: \(id)\n\n".utf8) }

    /// How long a client is to wait before it connects again, in milliseconds.
    static let retry = Array("retry: 1000\n\n".utf8)
}
