import Glibc
import Testing

@testable import HTTPHosting

@Suite struct StreamStopTests {
    private let streams = TestStreams()

    @Test func stopEndsOpenStreams() throws {
        try withListener([streams.route]) { listener in
            let open = try (0..<64).map { _ in try streams.open(listener) }
            _ = open[0].stream.send(Array("last words".utf8))
            listener.stop(graceMilliseconds: 10_000)
            #expect(streams.endedCount == 64)
            for (index, (client, _)) in open.enumerated() {
                let rest = try client.chunks()
                #expect(rest == (index == 0 ? Array("last words".utf8) : []))
            }
        }
    }

    @Test func stopDoesNotWaitForClientsThatDoNotRead() throws {
        try withListener([streams.route]) { listener in
            let open = try (0..<8).map { _ in try streams.open(listener) }
            let bytes = [UInt8](repeating: 0x78, count: 64 * 1024)
            var since = nowNanoseconds()
            while nowNanoseconds() - since < 300_000_000 {
                for (_, stream) in open where stream.send(bytes) == .accepted {
                    since = nowNanoseconds()
                }
            }
            listener.stop(graceMilliseconds: 10)
            #expect(streams.endedCount == 8)
        }
    }

    @Test func stopAmidProducersIsSafe() throws {
        for round in 0..<10 {
            let streams = TestStreams()
            try withListener([streams.route] + sampleRoutes) { listener in
                let open = try (0..<8).map { _ in try streams.open(listener) }
                for (_, stream) in open {
                    onThread { while stream.send([0x78]) != .ended { sched_yield() } }
                }
                _ = try open[0].client.chunk()
                listener.stop(graceMilliseconds: round % 3)
                #expect(streams.endedCount == 8)
            }
        }
    }

    @Test func quiesceLeavesStreamsAlone() throws {
        try withListener([streams.route]) { listener in
            let (client, stream) = try streams.open(listener)
            listener.quiesce()
            #expect(stream.send(Array("still".utf8)) == .accepted)
            #expect(try client.chunk() == Array("still".utf8))
        }
    }

    /// In a process of its own, because descriptors are the process's.
    @Test func droppedStreamsLeaveNothingBehind() async {
        await #expect(processExitsWith: .success) {
            let streams = TestStreams()
            try withListener([streams.route] + sampleRoutes) { listener in
                var ended = 0
                var remains: [Remains] = []
                func openAndDrop(_ count: Int) throws {
                    let open = try (0..<count).map { _ in try streams.open(listener) }
                    for (_, stream) in open {
                        stream.send([UInt8](repeating: 1, count: 4096))
                        remains.append(Remains(stream))
                    }
                    ended += count
                    streams.forget()
                }
                let before = descriptorCount()
                for _ in 0..<10 {
                    try openAndDrop(50)
                    if !streams.waitForEnded(ended) { exit(1) }
                }
                // The library frees connection and response a moment after it has told their end.
                let deadline = nowNanoseconds() + 10_000_000_000
                while descriptorCount() > before || remains.contains(where: { $0.stream != nil }) {
                    if nowNanoseconds() > deadline { exit(2) }
                    sched_yield()
                }
            }
        }
    }
}

/// What is left of a stream that nobody holds.
private final class Remains {
    private(set) weak var stream: ResponseStream?

    init(_ stream: ResponseStream) { self.stream = stream }
}

/// How many descriptors the process has, of the first thousand.
func descriptorCount() -> Int {
    (0..<1024).count { fcntl($0, F_GETFD) >= 0 }
}
