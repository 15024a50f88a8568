import HTTPHosting
import HTTPTypes
import RelayEngine
import RelayModel
import Testing

@testable import ControlPlane

/// GET /metrics over real sessions.
@Suite struct MetricsRoutesTests {
    let service: Service

    init() throws { service = try Service(store: MemoryStore()) }

    private func scrape(accept: String? = nil) throws -> Response {
        var fields: HTTPFields = [:]
        fields[.accept] = accept
        let request = try Request(method: .get, target: "/metrics", fields: fields)
        guard case .now(let response) = RouteTable(service.api.routes).answer(request) else {
            throw SystemCallError("GET /metrics", 0)
        }
        return response
    }

    /// The value of the sample that is written like this, as text.
    private func value(_ sample: String, in response: Response) -> String? {
        let line = response.text.split(separator: "\n").first { $0.hasPrefix(sample + " ") }
        return line.map { String($0.dropFirst(sample.count + 1)) }
    }

    private func exposition(sessionsMax: Int) -> (reading: MetricsReading, text: String) {
        let reading = MetricsReading(
            service.registry.snapshot().sessions,
            sessionsMax: sessionsMax,
            openStreams: service.api.openStreams.count,
            loopTimes: service.registry.engine.loopTimes,
            service.api.metrics
        )
        var writer = MetricsWriter(.text)
        for metric in Metric.all {
            writer.begin(metric.family)
            metric.write(reading, &writer)
        }
        return (reading, String(decoding: writer.bytes, as: UTF8.self))
    }

    @Test func theAnswerSaysItsFormatAndThatItDependsOnAccept() throws {
        let text = try scrape()
        #expect(text.status == .ok)
        #expect(text.fields[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(text.fields[.vary] == "Accept")
        #expect(text.fields[.cacheControl] == "no-store")
        #expect(text.text.hasPrefix("# HELP relaycast_build_info "))
        let open = try scrape(accept: "application/openmetrics-text;version=1.0.0")
        let type = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        #expect(open.fields[.contentType] == type)
        #expect(open.fields[.vary] == "Accept")
        #expect(open.text.hasSuffix("\n# EOF\n"))
        #expect(try service.get("/metrics?a=b").problemCode == "invalid-query")
    }

    @Test func aSessionHasItsSeriesUntilItIsDeleted() throws {
        try service.mustCreate(loopbackSender("cam1", localPort: 0))
        let labels = #"{session="cam1",kind="multicast-sender"}"#
        let first = try scrape()
        #expect(value("relaycast_session_running" + labels, in: first) == "1")
        #expect(value("relaycast_session_received_datagrams_total" + labels, in: first) == "0")
        let state = #"relaycast_sessions{kind="multicast-sender",state="running"}"#
        #expect(value(state, in: first) == "1")
        // Absent, not 0: nothing was received yet.
        let last = "relaycast_session_last_received_timestamp_seconds"
        #expect(!first.text.contains(last))
        _ = try service.delete("cam1")
        let second = try scrape()
        #expect(!second.text.contains("cam1"))
        #expect(value(state, in: second) == "0")
    }

    @Test func aSessionThatDoesNotRunSaysSo() throws {
        try service.mustCreate(#""name":"d","kind":"broadcast","port":9,"enabled":false"#)
        let response = try scrape()
        let running = #"relaycast_session_running{session="d",kind="broadcast"}"#
        #expect(value(running, in: response) == "0")
        #expect(
            value(#"relaycast_sessions{kind="broadcast",state="disabled"}"#, in: response) == "1"
        )
    }

    @Test func sessionsBeyondTheLimitAreCountedButHaveNoSeries() throws {
        for name in ["b", "a", "c"] { try service.mustCreate(loopbackSender(name, localPort: 0)) }
        for (sessionsMax, shown) in [
            (0, []), (2, ["a", "b"]), (3, ["a", "b", "c"]), (4, ["a", "b", "c"]),
        ] {
            let (reading, text) = exposition(sessionsMax: sessionsMax)
            let names = text.split(separator: "\n")
                .filter { $0.hasPrefix("relaycast_session_running{") }
                .compactMap { $0.split(separator: "\"").dropFirst().first.map(String.init) }
            #expect(names == shown)
            #expect(reading.sessionsOmitted == 3 - shown.count)
            #expect(text.contains("\nrelaycast_metrics_sessions_omitted \(3 - shown.count)\n"))
            #expect(
                text.contains(
                    "\nrelaycast_sessions{kind=\"multicast-sender\",state=\"running\"} 3\n"
                )
            )
        }
    }

    @Test func aSessionCountsFromWhenItIsObserved() throws {
        try service.mustCreate(loopbackSender("new", localPort: 0))
        let session = try #require(service.registry.snapshot().sessions.first)
        let reading = exposition(sessionsMax: 1).reading
        #expect(reading.sessions.first?.startedAt == session.observedSince)
    }

    @Test func theRoundsOfTheRelayThreadAreThere() throws {
        try service.mustCreate(loopbackSender("s", localPort: 0))
        let sample = "relaycast_engine_loop_seconds"
        // It took the session over in one of them, which is counted a moment later, when it is over.
        #expect(try service.eventually { try value(sample + "_count", in: scrape()) != "0" })
        let response = try scrape()
        let count = try #require(value(sample + "_count", in: response))
        #expect(value(sample + #"_bucket{le="+Inf"}"#, in: response) == count)
        #expect(value(sample + #"_bucket{le="1e-05"}"#, in: response) != nil)
        #expect(value("relaycast_engine_loop_longest_seconds", in: response) != "0.0")
    }

    @Test func whatTheKernelDoesNotTellIsAbsent() throws {
        try service.mustCreate(loopbackSender("s", localPort: 0))
        let session = try #require(exposition(sessionsMax: 1).reading.sessions.first)
        let metric = try #require(
            Metric.all.first { $0.family.name == "relaycast_session_lost_datagrams" }
        )
        func reasons(_ lost: UInt64?) -> [String] {
            var counters = session.counters
            counters.lostReceiveBufferFull = lost
            let reading = SessionReading(
                labels: session.labels,
                state: session.state,
                counters: counters,
                startedAt: session.startedAt
            )
            var writer = MetricsWriter(.text)
            writer.begin(metric.family)
            metric.write(exposition(sessionsMax: 0).reading.with(reading), &writer)
            return String(decoding: writer.bytes, as: UTF8.self).split(separator: "\n")
                .filter { !$0.hasPrefix("#") }
                .compactMap { $0.split(separator: "reason=\"").last.map(String.init) }
        }
        #expect(
            reasons(3) == [
                #"receive-buffer-full"} 3"#, #"send-buffer-full"} 0"#, #"send-failed"} 0"#,
            ]
        )
        #expect(reasons(nil) == [#"send-buffer-full"} 0"#, #"send-failed"} 0"#])
    }
}

extension MetricsReading {
    /// The same with one session.
    fileprivate func with(_ session: SessionReading) -> MetricsReading {
        var reading = self
        reading.sessions = [session]
        return reading
    }
}
