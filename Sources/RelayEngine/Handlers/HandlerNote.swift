import RelayModel

/// What the log is told of a run: that it failed, or what it wrote to standard error.
package struct HandlerNote: Sendable {
    package let handler: HandlerName
    package let session: SessionName
    /// Who had asked.
    package let peer: Endpoint
    /// nil for a run that went well.
    package let failure: HandlerFailure?
    /// How it failed, like `exit status 1`; empty for a run that went well.
    package let detail: String
    /// The first lines of its standard error.
    package let errorLines: [String]
    /// Runs before it of which nothing was told, since there were too many.
    package let omitted: Int

    /// Notes a second at most, of all handlers.
    static let perSecondMax = 10
}

/// Passes notes on, as many as the log should have.
struct HandlerNotes {
    private let write: @Sendable (HandlerNote) -> Void
    private var bucket: TokenBucket
    private var omitted = 0

    init(_ write: @escaping @Sendable (HandlerNote) -> Void) {
        self.write = write
        bucket = TokenBucket(
            perSecond: HandlerNote.perSecondMax,
            at: HostNetwork.monotonicNanoseconds()
        )
    }

    /// Notes how a run went, unless there is nothing to tell.
    mutating func note(
        _ handler: HandlerName,
        _ question: HandlerQuestion,
        _ failure: HandlerFailure?,
        _ detail: String,
        errorLines: [String] = []
    ) {
        if failure == nil && errorLines.isEmpty { return }
        guard bucket.take(at: HostNetwork.monotonicNanoseconds()) else {
            omitted += 1
            return
        }
        write(
            HandlerNote(
                handler: handler,
                session: question.session.definition.name,
                peer: question.source,
                failure: failure,
                detail: detail,
                errorLines: errorLines,
                omitted: omitted
            )
        )
        omitted = 0
    }
}
