import RelayModel

// What is observed of targets, asked for by the targets themselves: a definition may be shown that
// is not, or not any more, the one that runs.
extension SessionActivity {
    /// The counters and the last error of these targets, in their order; of one that the session
    /// does not know, zeros.
    package func readings(
        of targets: [ForwardTarget]
    ) -> [(values: TargetValues, lastError: TransferError?)] {
        activities(of: targets).map { ($0.values(), $0.lastError) }
    }

    /// The askers of these targets whose answers are sent back, in their order.
    package func mappings(of targets: [ForwardTarget]) -> [[MappingValues]] {
        activities(of: targets).map { $0.mappings() }
    }
}
