import HTTPHosting
import HTTPTypes

// /metrics

extension API {
    var metricsRoutes: [Route] {
        [
            Route(.get, "/metrics", scope: Scope.readMetrics.rawValue) {
                [self] request, _ throws(Problem) in
                _ = try QueryReader(request, allowed: [])
                return .now(metrics(request))
            }
        ]
    }

    /// Every metric, of the sessions that are there for whoever asks.
    private func metrics(_ request: Request) -> Response {
        let format = MetricsFormat(accept: request.fields[.accept])
        let reading = MetricsReading(
            registry.snapshot().sessions.filter(request.reaches),
            sessionsMax: options.limits.metricsSessionsMax,
            openStreams: openStreams.count,
            loopTimes: registry.engine.loopTimes,
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
            body: Content(writer.bytes)
        )
    }
}
