import HTTPHosting

/// The two ways in which metrics are written.
enum MetricsFormat: Sendable, CaseIterable {
    /// The Prometheus text exposition format 0.0.4.
    case text

    /// OpenMetrics 1.0.
    case openMetrics

    /// The media type sent with it.
    var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    private var type: String { self == .text ? "text" : "application" }
    private var subtype: String { self == .text ? "plain" : "openmetrics-text" }
    private var version: String { self == .text ? "0.0.4" : "1.0.0" }

    /// The format that an `Accept` field (RFC 9110, 12.5.1) likes best. Of two that it likes
    /// equally the one that it names more exactly, then text; where it admits neither, or says
    /// nothing, text too, because that is what scrapers without an opinion expect.
    init(accept: String?) {
        let ranges = MediaRange.list(accept ?? "")
        let text = Self.text.preference(ranges)
        let openMetrics = Self.openMetrics.preference(ranges)
        self = openMetrics > text && openMetrics.0 > 0 ? .openMetrics : .text
    }

    /// The weight of the most exact range that covers this format, and how exact it is; of ranges
    /// that are equally exact the heaviest counts.
    private func preference(_ ranges: [MediaRange]) -> (Int, Int) {
        var best = (weight: 0, exactness: -1)
        for range in ranges {
            guard let exactness = exactness(of: range) else { continue }
            if (exactness, range.weight) > (best.exactness, best.weight) {
                best = (range.weight, exactness)
            }
        }
        return best
    }

    /// How exactly a range names this format, from 0 for `*/*` to 3 with the version; nil when it
    /// does not cover it. Parameters other than the version narrow nothing.
    private func exactness(of range: MediaRange) -> Int? {
        if range.type == "*" { return range.subtype == "*" ? 0 : nil }
        guard range.type == type else { return nil }
        if range.subtype == "*" { return 1 }
        guard range.subtype == subtype else { return nil }
        guard let asked = range.version else { return 2 }
        return asked == version ? 3 : nil
    }
}
