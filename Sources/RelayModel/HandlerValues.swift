/// Why a run of a handler came to nothing, or not to its end.
package enum HandlerFailure: Int, Hashable, Sendable, CaseIterable {
    /// It ended with another exit status than 0, or by a signal.
    case exitStatus
    /// It took longer than `timeoutSeconds` and was ended.
    case timeOut
    /// It printed more than a run may and was ended.
    case outputTooLong
    /// The system did not start it.
    case notStarted

    /// The member of the counters in JSON.
    package var name: String {
        switch self {
        case .exitStatus: "exitStatus"
        case .timeOut: "timeOut"
        case .outputTooLong: "outputTooLong"
        case .notStarted: "notStarted"
        }
    }

    /// The value of the label `reason` in metrics.
    package var word: String {
        switch self {
        case .exitStatus: "exit-status"
        case .timeOut: "time-out"
        case .outputTooLong: "output-too-long"
        case .notStarted: "not-started"
        }
    }
}

/// The runs of a session's handler at one moment.
package struct HandlerValues: Hashable, Sendable {
    /// Runs that were started, also those that failed later.
    package var runs: UInt64 = 0
    /// Runs that failed, by `HandlerFailure.rawValue`.
    package var failed: [UInt64] = Array(repeating: 0, count: HandlerFailure.allCases.count)
    /// Accepted datagrams for which there was no run, since too many waited.
    package var busy: UInt64 = 0

    package init() {}
}
