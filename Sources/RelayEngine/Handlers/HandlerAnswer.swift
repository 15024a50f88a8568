import RelayModel

/// A line that a handler has printed, on its way to who had asked.
struct HandlerAnswer: Sendable {
    let session: RelaySession
    /// The handler that the session had when the datagram came.
    let queue: HandlerQueue
    let route: AnswerRoute
    let payload: [UInt8]
    /// Whether it is the first of its run, which the session's rate has already let through.
    let isFirst: Bool
}
