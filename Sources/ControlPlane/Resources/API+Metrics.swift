import HTTPHosting
import HTTPTypes

// /metrics

extension API {
    var metricsRoutes: [Route] {
        [
            Route(.get, "/metrics") { [self] request, _ throws(Problem) in
                _ = try QueryReader(request, allowed: [])
                return .now(exposition(MetricsFormat(accept: request.fields[.accept])))
            }
        ]
    }

    /// Every metric in a format.
    private func exposition(_ format: MetricsFormat) -> Response {
        let reading = MetricsReading(
            registry.snapshot().sessions,
            sessionsMax: options.limits.metricsSessionsMax,
            startedAt: startedAt,
            metrics
        )
        // A session has some thirty lines of some hundred bytes.
        var writer = MetricsWriter(format, capacity: 32_768 + reading.sessions.count * 3328)
        for metric in Metric.all {
            writer.begin(metric.family)
            metric.write(reading, &writer)
        }
        writer.end()
        return Response(
            status: .ok,
            fields: [
                .contentType: format.contentType, .cacheControl: "no-store", .vary: "Accept",
            ],
            body: writer.bytes
        )
    }
}
