/// What the HELP, TYPE and UNIT lines of a metric say.
struct MetricFamily: Sendable {
    /// What its values mean.
    enum Kind: Sendable {
        /// It only grows, until what it counts is started anew.
        case counter
        /// It goes up and down.
        case gauge
        /// Counts by upper bounds, their sum and their number.
        case histogram
        /// Always 1: the labels say it. A gauge in the Prometheus text format.
        case info
    }

    /// The name as OpenMetrics has it: without `_total` and `_info`.
    let name: String

    /// What its values mean.
    let kind: Kind

    /// The last word or words of the name, where that is a unit; nil for a number of things.
    let unit: String?

    /// What it measures: one sentence without a full stop.
    let help: String

    /// A family; the name ends in the unit, as OpenMetrics 1.0 demands.
    init(_ name: String, _ kind: Kind, unit: String? = nil, help: String) {
        precondition(unit.map { name.hasSuffix("_" + $0) } ?? true, "\(name) hides its unit")
        self.name = name
        self.kind = kind
        self.unit = unit
        self.help = help
    }

    /// The name of its samples, but for the suffixes of a histogram; in the Prometheus text format
    /// the name of the family too.
    var sampleName: String {
        switch kind {
        case .counter: name + "_total"
        case .info: name + "_info"
        case .gauge, .histogram: name
        }
    }

    /// The word for its kind in a format.
    func typeWord(_ format: MetricsFormat) -> String {
        switch kind {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        case .info: format == .openMetrics ? "info" : "gauge"
        }
    }
}

/// One value of a metric.
enum MetricValue: Sendable, Equatable {
    case integer(UInt64)
    /// Seconds, exact to the nanosecond: a duration, or a moment since 1970.
    case nanoseconds(UInt64)
    /// Any other number.
    case number(Double)
}
