import Glibc
import Testing

@testable import HTTPHosting

/// In processes of their own, because the limit of descriptors is the process's.
@Suite struct DescriptorTests {
    /// libmicrohttpd retries accept(2) at once when it has no connection whose end would help.
    @Test func runningOutOfDescriptorsIsNoBusyLoop() async {
        await #expect(processExitsWith: .success) {
            try withListener { listener in
                let client = try TestClient(listener.boundAddress)
                #expect(try client.get("/hello").status == 200)
            }
            try withListener { listener in
                let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                setSoftLimit(UInt64(socket))
                guard case .tcp(_, let port) = listener.boundAddress else { exit(1) }
                let client = try TestClient(connecting: socket, toLoopbackPort: port)
                client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let before = processNanoseconds()
                if client.becomesReadable(withinMilliseconds: 500) { exit(2) }
                if processNanoseconds() - before > 200_000_000 { exit(3) }
                setSoftLimit(UInt64(socket) + 100)
                if try client.response().status != 200 { exit(4) }
            }
        }
    }
}

private func setSoftLimit(_ count: UInt64) {
    var limit = rlimit()
    // Safe because the limit outlives the calls.
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = UInt(count)
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
        exit(5)
    }
}

/// CPU time of all threads.
private func processNanoseconds() -> UInt64 {
    var time = timespec()
    // Safe because `time` outlives the call.
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
