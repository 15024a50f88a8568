import HTTPTypes
import RelayEngine
import SessionStore
import Testing

@testable import ControlPlane
@testable import HTTPHosting

/// What is counted of requests and of writes to the store.
@Suite struct MetricsRecordingTests {
    private func record(
        _ method: HTTPRequest.Method,
        _ route: String?,
        _ status: Int?,
        nanoseconds: UInt64 = 1
    ) -> RequestRecord {
        RequestRecord(
            id: "1",
            method: method,
            route: route,
            path: "/some/path",
            status: status,
            responseBytes: 0,
            durationNanoseconds: nanoseconds,
            peer: Peer()
        )
    }

    @Test func requestsAreCountedByTemplateMethodAndStatus() throws {
        let metrics = RequestMetrics()
        metrics.record(record(.get, "/b", 200, nanoseconds: 300_000))
        metrics.record(record(.get, "/b", 200, nanoseconds: 400_000))
        metrics.record(record(.get, "/b", 503))
        metrics.record(record(.post, "/b", 201))
        metrics.record(record(.get, "/a", nil))
        let readings = metrics.readings()
        #expect(readings.map { "\($0.method) \($0.route)" } == ["GET /a", "GET /b", "POST /b"])
        #expect(readings[0].counts.map(\.status) == ["none"])
        #expect(readings[1].counts.map(\.status) == ["200", "503"])
        #expect(readings[1].counts.map(\.requests) == [2, 1])
        #expect(readings[1].durations.total == 3)
        #expect(readings[1].durations.sumNanoseconds == 700_001)
    }

    @Test func clientsCannotMakeTheLabelsGrow() throws {
        let metrics = RequestMetrics()
        for number in 0..<1000 {
            let method = try #require(HTTPRequest.Method("M\(number)"))
            metrics.record(record(method, nil, 100 + number))
        }
        let readings = metrics.readings()
        #expect(readings.count == 1)
        #expect(readings.first?.route == "none")
        #expect(readings.first?.method == "other")
        let counts = readings.first?.counts ?? []
        #expect(counts.count < 32)
        #expect(counts.map(\.requests).reduce(0, +) == 1000)
        #expect(counts.contains { $0.status == "other" && $0.requests > 900 })
    }

    @Test func nothingIsLostWhenListenersRecordAtOnce() throws {
        let metrics = RequestMetrics()
        let record = record(.get, "/a", 200)
        let threads = try (0..<4).map { number in
            try WorkerThread(name: "recorder-\(number)") {
                for _ in 0..<10_000 { metrics.record(record) }
            }
        }
        for _ in 0..<100 { #expect(metrics.readings().count <= 1) }
        for thread in threads { thread.join() }
        #expect(metrics.readings().first?.durations.total == 40_000)
        #expect(metrics.readings().first?.counts.first?.requests == 40_000)
    }

    @Test func writesAreMeasuredAndFailuresCounted() throws {
        let (store, metrics) = (MemoryStore(), StoreMetrics())
        let measured = MeasuredStore(store, metrics)
        let session = StoredSession(
            name: "a",
            id: "b",
            kind: "broadcast",
            definition: "{}",
            generation: 1,
            createdAt: 0,
            updatedAt: 0
        )
        try measured.insert(session)
        #expect(try measured.all() == [session])
        store.fail([.insert])
        #expect(throws: StoreError.self) { try measured.insert(session) }
        try measured.delete(name: "a")
        try measured.write([.delete(name: "a"), .delete(name: "b")])
        try measured.close()
        #expect(metrics.readings().map(\.durations.total) == [2, 0, 1, 1])
        #expect(metrics.readings().map(\.failures) == [1, 0, 0, 0])
        let names = metrics.readings().map { "\($0.operation)" }
        #expect(names == ["insert", "replace", "delete", "batch"])
    }

    @Test func aNameThatIsTakenIsNoFailure() {
        let metrics = StoreMetrics()
        for kind in [StoreError.Kind.nameInUse, .absent, .full] {
            #expect(throws: StoreError.self) {
                try metrics.measure(.replace) { () throws(StoreError) in
                    throw StoreError(kind, "no")
                }
            }
        }
        #expect(metrics.readings()[1].failures == 1)
        #expect(metrics.readings()[1].durations.total == 3)
    }

    @Test func theKernelSaysWhatTheProcessUses() throws {
        let reading = try #require(ProcessReading())
        #expect(reading.residentMemoryBytes > 1_000_000)
        #expect(reading.virtualMemoryBytes > reading.residentMemoryBytes)
        let again = try #require(ProcessReading())
        #expect(again.startNanoseconds == reading.startNanoseconds)
        #expect(again.cpuNanoseconds >= reading.cpuNanoseconds)
        let open = try #require(reading.openDescriptors)
        #expect(open >= 3 && open <= reading.descriptorsMax)
    }
}
