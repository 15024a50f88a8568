import CMicroHTTPD
import Glibc
import HTTPTypes

// What libmicrohttpd calls, always on the listener's thread. File-scope functions, because a
// closure given to C from isolated code would trap on a foreign thread.
//
// Safe because, in every callback: the context is the listener, retained while its daemon runs;
// a connection's context was retained at its start and is released at its end; the same for a
// request's; and the library's strings and buffers are valid during the call.

/// A connection has been accepted, or is about to be closed.
func connectionChanged(
    context: UnsafeMutableRawPointer?,
    connection: OpaquePointer?,
    connectionContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    change: MHD_ConnectionNotificationCode
) {
    guard let listener = unsafe listener(context), let connectionContext = unsafe connectionContext
    else { return }
    if change == .CONNECTION_NOTIFY_STARTED {
        let descriptor = unsafe relaycast_mhd_descriptor(connection)
        let timer = ConnectionTimer(
            descriptor: descriptor,
            deadlineNanoseconds: relaycast_monotonic_nanoseconds()
                + seconds(listener.configuration.requestDeadlineSeconds)
        )
        let new = ConnectionContext(
            timer: timer,
            peer: peer(of: descriptor),
            identity: listener.identity.withLock { $0 }
        )
        unsafe connectionContext.pointee = Unmanaged.passRetained(new).toOpaque()
        listener.reaper.add(timer)
    } else if let stored = unsafe connectionContext.pointee {
        let old = unsafe Unmanaged<ConnectionContext>.fromOpaque(stored).takeRetainedValue()
        listener.reaper.remove(old.timer)
        unsafe connectionContext.pointee = nil
    }
}

/// A request line has arrived; the result is the request's context.
func requestBegan(
    context: UnsafeMutableRawPointer?,
    target: UnsafePointer<CChar>?,
    connection: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let listener = unsafe listener(context), let target = unsafe target,
        let stored = unsafe relaycast_mhd_context(connection)
    else { return nil }
    let now = relaycast_monotonic_nanoseconds()
    let exchange = unsafe Exchange(
        connection: Unmanaged<ConnectionContext>.fromOpaque(stored).takeUnretainedValue(),
        target: String(cString: target),
        begunNanoseconds: now
    )
    exchange.connection.timer.expect(
        seconds: listener.configuration.requestDeadlineSeconds,
        from: now
    )
    listener.requests.begin()
    return unsafe Unmanaged.passRetained(exchange).toOpaque()
}

/// The header section has arrived (first call), a piece of the body, or the end.
func requestContinued(
    context: UnsafeMutableRawPointer?,
    connection: OpaquePointer?,
    decodedPath: UnsafePointer<CChar>?,
    method: UnsafePointer<CChar>?,
    version: UnsafePointer<CChar>?,
    piece: UnsafePointer<CChar>?,
    pieceBytes: UnsafeMutablePointer<Int>?,
    requestContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let listener = unsafe listener(context), let connection = unsafe connection,
        let method = unsafe method, let version = unsafe version,
        let pieceBytes = unsafe pieceBytes, let stored = unsafe requestContext?.pointee
    else { return .NO }
    let exchange = unsafe Unmanaged<Exchange>.fromOpaque(stored).takeUnretainedValue()
    switch exchange.phase {
    case .begun:
        var headers = HeaderSection(fieldNames: listener.wantedFields)
        unsafe withUnsafeMutablePointer(to: &headers) { headers in
            _ = unsafe MHD_get_connection_values_n(
                connection,
                .HEADER_KIND,
                headerArrived,
                headers
            )
        }
        do throws(Problem) {
            try unsafe exchange.begin(
                method: String(cString: method),
                version: String(cString: version),
                headers: headers,
                listener: listener
            )
            return .YES
        } catch {
            let refusal = error.response(requestID: exchange.id)
            return unsafe send(refusal, exchange, listener, connection)
        }
    case .receiving:
        if unsafe pieceBytes.pointee > 0, let piece = unsafe piece {
            let bytes = unsafe UnsafeRawBufferPointer(start: piece, count: pieceBytes.pointee)
            unsafe exchange.receive(Span(_bytes: bytes.bytes), listener.bodyBudget)
            unsafe pieceBytes.pointee = 0
            return .YES
        }
        return unsafe answer(exchange, listener, connection)
    case .waiting:
        guard let response = listener.requests.takeResponse(exchange.id) else { return .YES }
        return unsafe send(response, exchange, listener, connection)
    case .answered:
        return .YES
    }
}

/// A request is over: sent, or broken off.
func requestEnded(
    context: UnsafeMutableRawPointer?,
    connection: OpaquePointer?,
    requestContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    reason: MHD_RequestTerminationCode
) {
    guard let listener = unsafe listener(context), let requestContext = unsafe requestContext,
        let stored = unsafe requestContext.pointee
    else { return }
    unsafe requestContext.pointee = nil
    let exchange = unsafe Unmanaged<Exchange>.fromOpaque(stored).takeRetainedValue()
    let now = relaycast_monotonic_nanoseconds()
    exchange.connection.timer.idle(
        since: now,
        untilNanoseconds: now + seconds(listener.configuration.inactivityTimeoutSeconds)
            + seconds(listener.configuration.requestDeadlineSeconds)
    )
    if let stream = exchange.stream {
        listener.streams.remove(stream)
        exchange.responseBytes = stream.finish()
    }
    listener.bodyBudget.giveBack(exchange.budgetedBytes)
    listener.requests.end(exchange.id, wasSuspended: exchange.wasSuspended)
    listener.onCompleted(exchange.record(endedNanoseconds: now, listener.routes))
}

/// The library has something to say. Most of it is noise that any client can cause.
func libraryLogged(
    context: UnsafeMutableRawPointer?,
    format: UnsafePointer<CChar>?,
    arguments: CVaListPointer?
) {
    // When accept(2) finds no descriptor and there is no connection whose end would free one, the
    // library tries again at once, for ever. With no connection, nobody minds that it sleeps.
    if let format = unsafe format, unsafe strstr(format, "at FIRST connection") != nil {
        usleep(20_000)
    }
}

private func headerArrived(
    context: UnsafeMutableRawPointer?,
    kind: MHD_ValueKind,
    name: UnsafePointer<CChar>?,
    nameBytes: Int,
    value: UnsafePointer<CChar>?,
    valueBytes: Int
) -> MHD_Result {
    guard let context = unsafe context else { return .NO }
    let name = unsafe UnsafeRawBufferPointer(start: name, count: nameBytes)
    let value = unsafe UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : valueBytes)
    unsafe context.assumingMemoryBound(to: HeaderSection.self).pointee
        .add(name: Span(_bytes: name.bytes), value: Span(_bytes: value.bytes))
    return .YES
}

private func answer(
    _ exchange: Exchange,
    _ listener: HTTPListener,
    _ connection: OpaquePointer
) -> MHD_Result {
    exchange.connection.timer.pause()
    if let (problem, delayMilliseconds) = exchange.delayedRefusal {
        let reaper = listener.reaper
        let end = relaycast_monotonic_nanoseconds() + UInt64(delayMilliseconds) * 1_000_000
        return unsafe answerLater(exchange, listener, connection) { completion in
            reaper.at(nanoseconds: end) { completion(problem) }
        }
    }
    switch exchange.answer(listener.routes) {
    case .now(let response):
        return unsafe send(response, exchange, listener, connection)
    case .later(let work):
        return unsafe answerLater(exchange, listener, connection, work)
    case .stream(let response, let body):
        return unsafe stream(response, exchange, listener, connection, body)
    }
}

private func answerLater(
    _ exchange: Exchange,
    _ listener: HTTPListener,
    _ connection: OpaquePointer,
    _ work: (Completion) -> Void
) -> MHD_Result {
    let id = exchange.id
    exchange.phase = .waiting
    exchange.wasSuspended = true
    guard unsafe listener.requests.suspend(id, LibraryConnection(connection)) else {
        let refusal = Problem.draining.response(requestID: id)
        return unsafe send(refusal, exchange, listener, connection)
    }
    let requests = listener.requests
    work(Completion(requestID: id, deliverMaker: { make in requests.resume(id, make) }))
    return .YES
}

/// Answers with a response whose body is all there.
func send(
    _ response: Response,
    _ exchange: Exchange,
    _ listener: HTTPListener,
    _ connection: OpaquePointer
) -> MHD_Result {
    let body = unsafe response.body.retained()
    let made = unsafe MHD_create_response_from_buffer_with_free_callback_cls(
        response.body.count,
        body.start,
        bodyEnded,
        body.owner
    )
    guard let made = unsafe made else {
        unsafe Content.release(body.owner)
        return .NO
    }
    defer { unsafe MHD_destroy_response(made) }
    exchange.responseBytes = response.body.count
    return unsafe queue(made, response, exchange, listener, connection)
}

/// The library needs the bytes of a response no longer.
private func bodyEnded(owner: UnsafeMutableRawPointer?) {
    if let owner = unsafe owner { unsafe Content.release(owner) }
}

/// Adds fields to what was made of `response`, and has it sent.
func queue(
    _ made: OpaquePointer,
    _ response: Response,
    _ exchange: Exchange,
    _ listener: HTTPListener,
    _ connection: OpaquePointer
) -> MHD_Result {
    for field in response.fields { unsafe add(field.name.rawName, field.value, to: made) }
    unsafe add("Request-Id", exchange.id, to: made)
    if listener.originPolicy.isAny { unsafe add("Vary", "Origin", to: made) }
    if let origin = exchange.allowedOrigin {
        unsafe add("Access-Control-Allow-Origin", origin, to: made)
        unsafe add("Access-Control-Expose-Headers", Preflight.exposedFields, to: made)
    }
    if listener.isQuiescing.load(ordering: .relaxed) {
        unsafe add("Connection", "close", to: made)
    }
    exchange.phase = .answered
    exchange.status = response.status.code
    exchange.connection.timer.expect(seconds: listener.configuration.responseDeadlineSeconds)
    return unsafe MHD_queue_response(connection, UInt32(response.status.code), made)
}

/// Not by passing strings where C wants pointers: that allocates a copy of each.
private func add(_ name: String, _ value: String, to response: OpaquePointer) {
    unsafe name.withCString { name in
        unsafe value.withCString { value in
            _ = unsafe MHD_add_response_header(response, name, value)
        }
    }
}

private func listener(_ context: UnsafeMutableRawPointer?) -> HTTPListener? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<HTTPListener>.fromOpaque(context).takeUnretainedValue()
}

private func peer(of descriptor: Int32) -> Peer {
    let peer = relaycast_peer_of(descriptor)
    if peer.is_unix != 0 {
        let credentials = Peer.Credentials(
            processID: peer.process_id,
            userID: peer.user_id,
            groupID: peer.group_id
        )
        return Peer(credentials: credentials)
    }
    let address = unsafe withUnsafeBytes(of: peer.address) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    return Peer(address: address.isEmpty ? nil : address, port: peer.port)
}

private func seconds(_ count: Int) -> UInt64 {
    UInt64(count) * 1_000_000_000
}
