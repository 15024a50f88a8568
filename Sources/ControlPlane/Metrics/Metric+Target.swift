import RelayEngine
import RelayModel

extension Metric {
    /// What each target of each session counts: `relaycast_target_…{session,target}`.
    static let ofTargets: [Metric] = [
        ofTarget(
            "forwarded_datagrams",
            unit: "datagrams",
            help: "Datagrams that were sent to the target"
        ) { $0.forwarded.datagrams },
        ofTarget(
            "forwarded_bytes",
            unit: "bytes",
            help: "Payload bytes of the datagrams that were sent to the target"
        ) { $0.forwarded.bytes },
        ofTarget(
            "failed_datagrams",
            unit: "datagrams",
            help: "Datagrams that could not be sent to the target, also for want of buffer space"
        ) { $0.failed + $0.sendBufferFull },
        Metric(
            MetricFamily(
                "relaycast_target_unreachable_reports",
                .counter,
                help: "ICMP errors about datagrams that had left for an address; no number of "
                    + "lost datagrams"
            )
        ) { reading, writer in
            for session in reading.sessions {
                for target in session.targets where target.hasReports {
                    writer.sample(.integer(target.values.unreachable), target.labels)
                }
            }
        },
        ofTarget(
            "dropped_datagrams",
            unit: "datagrams",
            help: "Datagrams that were not to be sent to the target, by reason",
            series: TargetDropReason.allCases.map { reason in
                (
                    MetricsWriter.labels(["reason": reason.name]),
                    { $0.dropped[Int(reason.rawValue)] }
                )
            }
        ),
    ]

    private typealias TargetSeries = @Sendable (TargetValues) -> UInt64

    private static func ofTarget(
        _ name: String,
        unit: String,
        help: String,
        read: @escaping TargetSeries
    ) -> Metric {
        ofTarget(name, unit: unit, help: help, series: [([], read)])
    }

    private static func ofTarget(
        _ name: String,
        unit: String,
        help: String,
        series: [(labels: [UInt8], read: TargetSeries)]
    ) -> Metric {
        let family = MetricFamily("relaycast_target_" + name, .counter, unit: unit, help: help)
        return Metric(family) { reading, writer in
            for (labels, read) in series {
                for session in reading.sessions {
                    for target in session.targets {
                        writer.sample(.integer(read(target.values)), target.labels, labels)
                    }
                }
            }
        }
    }
}

/// One target of a session at one moment.
struct TargetReading: Sendable {
    /// `session` and `target`, as the writer wants them.
    let labels: [UInt8]
    let values: TargetValues
    /// Whether it has sockets of its own, to which the network reports.
    let hasReports: Bool

    /// The targets of a session, each under a label of its own.
    static func all(of session: ManagedSession) -> [TargetReading] {
        guard let definition = session.definition, !definition.forward.isEmpty else { return [] }
        var labels: Set<String> = []
        let readings = session.activity.readings(of: definition.forward)
        return zip(definition.forward, readings).enumerated().map { index, pair in
            var label = pair.0.destination.label
            // Those that differ in their TTL, say, go to the same address.
            if !labels.insert(label).inserted { label += "#\(index)" }
            return TargetReading(
                labels: MetricsWriter.labels([
                    "session": session.name.description, "target": label,
                ]),
                values: pair.1.values,
                hasReports: pair.0.destination.isEndpoint
            )
        }
    }
}

extension ForwardTarget.Destination {
    fileprivate var isEndpoint: Bool { if case .endpoint = self { true } else { false } }

    /// The name of a session, or an address as `ADDRESS:PORT` or `ADDRESS:PORT%INTERFACE`.
    fileprivate var label: String {
        switch self {
        case .session(let name): return name.description
        case .endpoint(let endpoint):
            let address = Endpoint(endpoint.address, port: endpoint.port).description
            return address + (endpoint.interface.map { "%\($0)" } ?? "")
        }
    }
}
