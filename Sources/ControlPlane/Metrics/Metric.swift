/// One row of the table of metrics: what it is called, what it means and how it is read.
struct Metric: Sendable {
    /// Its name, kind, unit and help.
    let family: MetricFamily

    /// Writes its samples.
    let write: @Sendable (MetricsReading, inout MetricsWriter) -> Void

    /// A metric of the service.
    init(
        _ family: MetricFamily,
        write: @escaping @Sendable (MetricsReading, inout MetricsWriter) -> Void
    ) {
        self.family = family
        self.write = write
    }

    /// A metric of the service that is one number, or none.
    init(
        _ name: String,
        _ kind: MetricFamily.Kind,
        unit: String? = nil,
        help: String,
        read: @escaping @Sendable (MetricsReading) -> MetricValue?
    ) {
        self.init(MetricFamily(name, kind, unit: unit, help: help)) { reading, writer in
            if let value = read(reading) { writer.sample(value) }
        }
    }
}

// MARK: - Of a session

extension Metric {
    /// Reads one series of a session; nil where its value is not known, and so absent.
    typealias SessionSeries = @Sendable (SessionReading) -> MetricValue?

    /// A metric that each session has once: `relaycast_session_…{session,kind}`.
    static func ofSession(
        _ name: String,
        _ kind: MetricFamily.Kind,
        unit: String? = nil,
        help: String,
        read: @escaping SessionSeries
    ) -> Metric {
        ofSession(name, kind, unit: unit, help: help, series: [(labels: [], read: read)])
    }

    /// A metric that each session has once for each reason.
    static func ofSession(
        _ name: String,
        _ kind: MetricFamily.Kind,
        unit: String? = nil,
        help: String,
        byReason reasons: [(word: String, read: SessionSeries)]
    ) -> Metric {
        ofSession(
            name,
            kind,
            unit: unit,
            help: help,
            series: reasons.map { (MetricsWriter.labels(["reason": $0.word]), $0.read) }
        )
    }

    /// A metric that each session has once for each of these labels.
    static func ofSession(
        _ name: String,
        _ kind: MetricFamily.Kind,
        unit: String? = nil,
        help: String,
        series: [(labels: [UInt8], read: SessionSeries)]
    ) -> Metric {
        let family = MetricFamily("relaycast_session_" + name, kind, unit: unit, help: help)
        return Metric(family) { reading, writer in
            // A series of all sessions after the other, so that a line costs few reference counts.
            for (labels, read) in series {
                for session in reading.sessions {
                    if let value = read(session) { writer.sample(value, session.labels, labels) }
                }
            }
        }
    }
}
