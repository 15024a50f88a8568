import RelayModel

extension Metric {
    /// Every metric, in the order written.
    static let all = ofService + ofSessions + ofTargets + ofProcess

    /// What is known of the daemon as a whole.
    private static let ofService: [Metric] = [
        Metric(
            MetricFamily("relaycast_build", .info, help: "The version of the daemon")
        ) { _, writer in writer.sample(.integer(1), ["version": ServiceOptions.version]) },
        Metric(
            MetricFamily("relaycast_sessions", .gauge, help: "Sessions, by kind and state")
        ) { reading, writer in
            for kind in SessionKind.allCases {
                for state in SessionState.allCases {
                    let count = reading.sessionCounts[SessionClass(kind: kind, state: state)] ?? 0
                    writer.sample(
                        .integer(UInt64(count)),
                        ["kind": kind.rawValue, "state": state.rawValue]
                    )
                }
            }
        },
        Metric(
            "relaycast_metrics_sessions_omitted",
            .gauge,
            help: "Sessions without series of their own, because metricsSessionsMax is reached"
        ) { .integer(UInt64($0.sessionsOmitted)) },
        Metric(
            MetricFamily(
                "relaycast_http_requests",
                .counter,
                help: "HTTP requests that are over, by route template, method and status"
            )
        ) { reading, writer in
            for request in reading.requests {
                for (status, count) in request.counts {
                    writer.sample(
                        .integer(count),
                        ["method": request.method, "route": request.route, "code": status]
                    )
                }
            }
        },
        Metric(
            MetricFamily(
                "relaycast_http_request_duration_seconds",
                .histogram,
                unit: "seconds",
                help: "From the request line to the end of the response, waiting included"
            )
        ) { reading, writer in
            for request in reading.requests {
                let labels = ["method": request.method, "route": request.route] as KeyValuePairs
                writer.histogram(request.durations, MetricsWriter.labels(labels))
            }
        },
        Metric(
            MetricFamily(
                "relaycast_store_write_duration_seconds",
                .histogram,
                unit: "seconds",
                help: "Writes to the database until they were on the disk, by operation"
            )
        ) { reading, writer in
            for write in reading.storeWrites {
                let labels = MetricsWriter.labels(["operation": "\(write.operation)"])
                writer.histogram(write.durations, labels)
            }
        },
        Metric(
            MetricFamily(
                "relaycast_store_write_failures",
                .counter,
                help: "Writes to the database that failed, by operation"
            )
        ) { reading, writer in
            for write in reading.storeWrites {
                writer.sample(.integer(write.failures), ["operation": "\(write.operation)"])
            }
        },
        Metric(
            MetricFamily(
                "relaycast_engine_loop_seconds",
                .histogram,
                unit: "seconds",
                help: "Rounds of the relay thread; a datagram waits for two of them at most"
            )
        ) { reading, writer in writer.histogram(HistogramValues(reading.loopTimes)) },
        Metric(
            "relaycast_engine_loop_longest_seconds",
            .gauge,
            unit: "seconds",
            help: "The longest round of the relay thread since the daemon started"
        ) { .nanoseconds($0.loopTimes.longestNanoseconds) },
    ]
}
