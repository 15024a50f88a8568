import CMicroHTTPD
import Glibc

// Safe because a response's context was retained when it was made and is released when it is
// freed, and the library's buffer is valid during the call.

/// Begins to answer with a stream, which `body` gets once the response is under way.
func stream(
    _ response: Response,
    _ exchange: Exchange,
    _ listener: HTTPListener,
    _ connection: OpaquePointer,
    _ body: (ResponseStream) -> Void
) -> MHD_Result {
    let configuration = listener.configuration
    let timer = exchange.connection.timer
    let stream = ResponseStream(
        first: response.body.bytes,
        timer: timer,
        reaper: listener.reaper,
        pendingBytesMax: configuration.streamPendingBytesMax,
        stallSeconds: configuration.streamStallSeconds
    )
    guard listener.streams.add(stream) else {
        let refusal = Problem.draining.response(requestID: exchange.id)
        return unsafe send(refusal, exchange, listener, connection)
    }
    exchange.stream = stream
    let source = unsafe StreamSource(stream, LibraryConnection(connection))
    let context = unsafe Unmanaged.passRetained(source)
    let made = unsafe relaycast_mhd_stream_response(
        readStream,
        context.toOpaque(),
        releaseStreamSource
    )
    guard let made = unsafe made else {
        unsafe context.release()
        return .NO
    }
    defer { unsafe MHD_destroy_response(made) }
    // Chunked, the library would send the last chunk after the header section all the same.
    if exchange.isHead { unsafe relaycast_mhd_send_unchunked(made) }
    // The library's timeout is for what has nobody else to look after it.
    unsafe relaycast_mhd_forget_timeout(connection)
    let result = unsafe queue(made, response, exchange, listener, connection)
    timer.expect(seconds: configuration.streamStallSeconds)
    if result == .YES && !exchange.isHead { body(stream) }
    return result
}

/// What a response from callback reads.
private final class StreamSource {
    let stream: ResponseStream
    let connection: LibraryConnection

    init(_ stream: ResponseStream, _ connection: LibraryConnection) {
        self.stream = stream
        self.connection = connection
    }
}

/// The library can take up to `bytesMax` bytes of the body.
private func readStream(
    context: UnsafeMutableRawPointer?,
    position: UInt64,
    buffer: UnsafeMutablePointer<CChar>?,
    bytesMax: Int
) -> Int {
    guard let context = unsafe context, let buffer = unsafe buffer else {
        return relaycast_mhd_end_with_error
    }
    let source = unsafe Unmanaged<StreamSource>.fromOpaque(context).takeUnretainedValue()
    var room = UnsafeMutableRawPointer(buffer)
    let reading = source.stream.read(bytesMax, for: source.connection) { piece in
        unsafe piece.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe memcpy(room, start, bytes.count)
            unsafe room += bytes.count
        }
    }
    return switch reading {
    case .bytes(let count): count
    case .suspended: 0
    case .end: relaycast_mhd_end_of_stream
    case .aborted: relaycast_mhd_end_with_error
    }
}

/// Nobody reads the response any more.
private func releaseStreamSource(context: UnsafeMutableRawPointer?) {
    guard let context = unsafe context else { return }
    unsafe Unmanaged<StreamSource>.fromOpaque(context).release()
}
