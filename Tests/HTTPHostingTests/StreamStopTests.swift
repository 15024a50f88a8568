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

    /// In a process of its own, because descriptors and memory are the process's.
    @Test func droppedStreamsLeaveNothingBehind() async {
        await #expect(processExitsWith: .success) {
            let streams = TestStreams()
            try withListener([streams.route] + sampleRoutes) { listener in
                func openAndDrop(_ count: Int, round: Int) throws {
                    for batch in 0..<(count / 50) {
                        do {
                            let open = try (0..<50).map { _ in try streams.open(listener) }
                            for (_, stream) in open {
                                stream.send([UInt8](repeating: 1, count: 4096))
                            }
                        }
                        streams.forget()
                        let total = round * count + (batch + 1) * 50
                        if !streams.waitForEnded(total) { exit(1) }
                    }
                }
                try openAndDrop(500, round: 0)
                let (descriptors, pages) = (descriptorCount(), residentPages())
                try openAndDrop(500, round: 1)
                // The listener's thread closes a moment after it has told the end.
                let other = try TestClient(listener.boundAddress)
                if try other.get("/hello").status != 200 { exit(2) }
                if descriptorCount() > descriptors + 4 { exit(3) }
                if residentPages() > pages + 256 { exit(4) }
            }
        }
    }
}

/// How many descriptors the process has, of the first thousand.
func descriptorCount() -> Int {
    (0..<1024).count { fcntl($0, F_GETFD) >= 0 }
}

/// The second number of /proc/self/statm: proc(5).
private func residentPages() -> Int {
    // Safe because the string is valid during the call, and the buffer, whose size is told, too.
    let descriptor = unsafe open("/proc/self/statm", O_RDONLY)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 128)
    let count = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe read(descriptor, buffer.baseAddress, buffer.count)
    }
    let words = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(separator: " ")
    return words.count > 1 ? Int(words[1]) ?? 0 : 0
}
