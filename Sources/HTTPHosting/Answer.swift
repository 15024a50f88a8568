/// How a handler answers: at once, or when another thread has done the work.
package enum Answer: Sendable {
    /// The response is ready.
    case now(Response)

    /// The connection is suspended first; then the closure runs once, on the listener's thread,
    /// and hands the completion to whoever will answer. It must not block.
    case later(@Sendable (Completion) -> Void)

    /// Status, fields and first bytes of a response whose body goes on. Once it is under way, the
    /// closure runs, on the listener's thread, where it must not block, and hands the stream to
    /// whoever has something to say. Never for `HEAD`, which gets the header section only. A
    /// client that closes its side of the connection has gone.
    case stream(Response, @Sendable (ResponseStream) -> Void)
}
