import Glibc
import Synchronization
import Testing

@testable import HTTPHosting

@Suite struct StreamTests {
    private let streams = TestStreams()

    private func withStreams(
        _ change: (inout ListenerConfiguration) -> Void = { _ in },
        onCompleted: @escaping @Sendable (RequestRecord) -> Void = { _ in },
        _ body: (HTTPListener) throws -> Void
    ) throws {
        try withListener(
            [streams.route] + sampleRoutes,
            local(change),
            onCompleted: onCompleted,
            body: body
        )
    }

    @Test func tenThousandSmallChunksArriveInOrder() throws {
        try withStreams { listener in
            let (client, stream) = try streams.open(listener)
            let lines = (0..<10_000).map { "\($0)\n" }
            onThread {
                for line in lines { _ = deliver(Array(line.utf8), to: stream) }
                stream.end()
            }
            let all = try client.chunks()
            #expect(String(decoding: all, as: UTF8.self) == lines.joined())
            #expect(streams.waitForEnded(1))
            // The connection goes on, and its stream is no more.
            #expect(try client.get("/hello").body == "hello")
            #expect(stream.send([1]) == .ended && stream.pendingBytes == 0)
        }
    }

    @Test func manyProducersReachManyStreamsInOrder() throws {
        let (streamCount, producerCount, lineCount) = (64, 4, 200)
        try withStreams { listener in
            let open = try (0..<streamCount).map { _ in try streams.open(listener) }
            let all = open.map(\.stream)
            let working = Locked(producerCount)
            for producer in 0..<producerCount {
                onThread {
                    for line in 0..<lineCount {
                        // One array for all of them.
                        let bytes = Array("\(producer) \(line)\n".utf8)
                        for stream in all { _ = deliver(bytes, to: stream) }
                    }
                    let isLast = working.withLock { working in
                        working -= 1
                        return working == 0
                    }
                    if isLast { for stream in all { stream.end() } }
                }
            }
            for (client, _) in open {
                let text = String(decoding: try client.chunks(), as: UTF8.self)
                let lines = text.split(separator: "\n")
                #expect(lines.count == producerCount * lineCount)
                for producer in 0..<producerCount {
                    let own = lines.filter { $0.hasPrefix("\(producer) ") }
                    #expect(own.elementsEqual((0..<lineCount).map { "\(producer) \($0)" }))
                }
            }
            #expect(streams.waitForEnded(streamCount))
        }
    }

    @Test func slowReaderIsToldOfAndReaped() throws {
        let impatient = { (configuration: inout ListenerConfiguration) in
            configuration.streamStallSeconds = 1
        }
        try withStreams(impatient) { listener in
            let (client, stream) = try streams.open(listener)
            let bytes = [UInt8](repeating: 0x78, count: 64 * 1024)
            let deadline = nowNanoseconds() + 20_000_000_000
            var fullCount = 0
            while nowNanoseconds() < deadline {
                let delivery = stream.send(bytes)
                #expect(stream.pendingBytes <= 256 * 1024)
                if delivery == .ended { break }
                if delivery == .full {
                    fullCount += 1
                    sched_yield()
                }
            }
            #expect(fullCount > 0)
            #expect(streams.waitForEnded(1))
            #expect(stream.send(bytes) == .ended)
            #expect(!client.readToEnd().hasSuffix("0\r\n\r\n"))
        }
    }

    @Test func chunksAreBoundedInNumberToo() throws {
        let hold = Locked(false)
        let holding = Route(.get, "/hold") { _, _ throws(Problem) in
            hold.wait(untilNanoseconds: nowNanoseconds() + 10_000_000_000) { $0 }
            return .now(text("held"))
        }
        try withListener([holding, streams.route]) { listener in
            let (client, stream) = try streams.open(listener)
            let holder = try TestClient(listener.boundAddress)
            holder.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n")
            var count = 0
            while stream.send([0x78]) == .accepted { count += 1 }
            #expect(count >= ResponseStream.pendingChunksMax)
            hold.withLock { $0 = true }
            hold.signal()
            stream.end()
            #expect(try client.chunks().count == count)
        }
    }

    @Test func idleStreamOutlivesEveryDeadline() throws {
        let hasty = { (configuration: inout ListenerConfiguration) in
            configuration.streamStallSeconds = 1
            configuration.inactivityTimeoutSeconds = 1
            configuration.requestDeadlineSeconds = 1
            configuration.responseDeadlineSeconds = 1
        }
        try withStreams(hasty) { listener in
            let (client, stream) = try streams.open(listener)
            #expect(!client.becomesReadable(withinMilliseconds: 2_500))
            #expect(stream.send(Array("still here".utf8)) == .accepted)
            #expect(try client.chunk() == Array("still here".utf8))
            stream.end()
            #expect(try client.chunk().isEmpty)
        }
    }

    @Test func connectionThatIdlesAfterItsStreamIsClosed() throws {
        let hasty = { (configuration: inout ListenerConfiguration) in
            configuration.inactivityTimeoutSeconds = 1
            configuration.requestDeadlineSeconds = 1
        }
        try withStreams(hasty) { listener in
            let (client, stream) = try streams.open(listener)
            stream.end()
            #expect(try client.chunk().isEmpty)
            #expect(client.readToEnd().isEmpty && client.isAtEnd)
        }
    }

    @Test func clientThatGoesAwayEndsItsIdleStream() throws {
        try withStreams { listener in
            do { _ = try streams.open(listener) }
            #expect(streams.waitForEnded(1))
            // Told of once.
            listener.stop(graceMilliseconds: 10)
            #expect(streams.endedCount == 1)
        }
    }

    @Test func clientThatGoesAwayEndsItsBusyStream() throws {
        try withStreams { listener in
            let stream = try streams.open(listener).stream
            while deliver([0x78], to: stream) {}
            #expect(streams.waitForEnded(1))
        }
    }

    @Test func abortedIdleStreamBreaksOff() throws {
        try withStreams { listener in
            let (client, stream) = try streams.open(listener)
            stream.abort()
            stream.abort()
            #expect(client.readToEnd().isEmpty)
            #expect(streams.waitForEnded(1) && stream.send([1]) == .ended)
        }
    }

    @Test func abortedStreamDoesNotWaitForItsClient() throws {
        try withStreams { listener in
            let (client, stream) = try streams.open(listener)
            let bytes = [UInt8](repeating: 0x78, count: 64 * 1024)
            // Until the kernel takes no more.
            var since = nowNanoseconds()
            while nowNanoseconds() - since < 300_000_000 {
                if stream.send(bytes) == .accepted { since = nowNanoseconds() }
            }
            stream.abort()
            #expect(streams.waitForEnded(1))
            #expect(stream.pendingBytes == 0)
            #expect(!client.readToEnd().hasSuffix("0\r\n\r\n"))
        }
    }

    @Test func endThatComesLateIsTold() throws {
        try withStreams { listener in
            let (client, stream) = try streams.open(listener)
            stream.end()
            #expect(try client.chunk().isEmpty)
            #expect(streams.waitForEnded(1))
            let told = Atomic(0)
            stream.onEnd { told.add(1, ordering: .relaxed) }
            #expect(told.load(ordering: .relaxed) == 1)
        }
    }

    @Test func headGetsTheHeaderSectionOnly() throws {
        try withStreams { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("HEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let head = try client.response(toHead: true)
            #expect(head.status == 200 && head.fields["content-type"] == "text/plain")
            #expect(client.readToEnd().isEmpty)
            #expect(streams.endedCount == 0)
        }
    }

    @Test func http10StreamEndsWithItsConnection() throws {
        let short = Route(.get, "/short") { _, _ throws(Problem) in
            .stream(text("one ")) { stream in
                onThread {
                    for _ in 0..<1000 { _ = deliver(Array("more ".utf8), to: stream) }
                    stream.end()
                }
            }
        }
        try withListener([short]) { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("GET /short HTTP/1.0\r\nHost: localhost\r\n\r\n")
            let all = client.readToEnd()
            #expect(all.hasSuffix("\r\n\r\none " + String(repeating: "more ", count: 1000)))
        }
    }

    @Test func streamIsRecordedAtItsEnd() throws {
        let records = Locked<[RequestRecord]>([])
        let onCompleted: @Sendable (RequestRecord) -> Void = { record in
            records.withLock { $0.append(record) }
            records.signal()
        }
        try withStreams(onCompleted: onCompleted) { listener in
            let (client, stream) = try streams.open(listener)
            #expect(try TestClient(listener.boundAddress).get("/hello").status == 200)
            let deadline = nowNanoseconds() + 10_000_000_000
            #expect(records.wait(untilNanoseconds: deadline) { $0.count == 1 })
            _ = stream.send(Array("four".utf8))
            stream.end()
            #expect(try client.chunks() == Array("four".utf8))
            #expect(records.wait(untilNanoseconds: deadline) { $0.count == 2 })
            let record = records.withLock { $0[1] }
            #expect(record.route == "/stream" && record.status == 200)
            #expect(record.responseBytes == "hello\nfour".utf8.count)
        }
    }

    @Test func othersAreServedWhileStreamsAreFlooded() throws {
        try withStreams { listener in
            let open = try (0..<64).map { _ in try streams.open(listener) }
            let all = open.map(\.stream)
            let done = Locked(false)
            for part in 0..<2 {
                onThread {
                    let bytes = [UInt8](repeating: 0x78, count: 1000)
                    while !done.withLock({ $0 }) {
                        for stream in all[(part * 32)..<(part * 32 + 32)] { stream.send(bytes) }
                    }
                    for stream in all[(part * 32)..<(part * 32 + 32)] { stream.end() }
                }
            }
            let other = try TestClient(listener.boundAddress)
            for _ in 0..<100 {
                #expect(try other.get("/hello").status == 200)
                // Half of the clients read, the others are behind.
                for (client, _) in open[..<32] { _ = try client.chunk() }
            }
            done.withLock { $0 = true }
            for (client, _) in open { _ = try client.chunks() }
            #expect(streams.waitForEnded(64))
        }
    }
}
