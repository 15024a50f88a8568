/// How a handler answers: at once, or when another thread has done the work.
package enum Answer: Sendable {
    /// The response is ready.
    case now(Response)

    /// The connection is suspended first; then the closure runs once, on the listener's thread,
    /// and hands the completion to whoever will answer. It must not block.
    case later(@Sendable (Completion) -> Void)
}
