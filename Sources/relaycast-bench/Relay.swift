import ArgumentParser
import CBenchReference

/// A reference relay, as a process of its own.
struct Relay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Forward datagrams the way a program in C does, until SIGTERM."
    )

    @Option(help: "naive, batch, gather, same-work, same-work-guarded or discard.")
    var method: RelayMethod

    @Option(help: "Where to receive: ADDRESS:PORT[+COUNT][@INTERFACE-ADDRESS].")
    var from: EndpointsArgument

    @Option(help: "Where to send, in the same form.")
    var to: EndpointsArgument?

    @Option(help: "The size of the receive buffer.")
    var receiveBufferBytes: Int32 = 8_388_608

    func run() throws {
        let outbound = to?.value ?? bench_endpoints()
        var options = bench_relay_options(
            method: method.value,
            inbound: from.value,
            outbound: outbound,
            receive_buffer_bytes: receiveBufferBytes
        )
        // Safe because the relay is used by this thread alone, and closed once.
        guard let relay = unsafe bench_relay_open(&options) else {
            return try check(-lastError(), "relay")
        }
        announce()
        let result = unsafe bench_relay_run(relay)
        let counts = unsafe bench_relay_counted(relay)
        unsafe bench_relay_close(relay)
        try check(result, "relay")
        report([
            ("received", "\(counts.received)"), ("forwarded", "\(counts.forwarded)"),
            ("failed", "\(counts.failed)"),
        ])
    }
}

/// The ways of forwarding, by the names that the command line knows.
enum RelayMethod: String, ExpressibleByArgument, CaseIterable {
    case naive
    case batch
    case gather
    case sameWork = "same-work"
    case guarded = "same-work-guarded"
    case discard

    /// The same for the reference programs.
    var value: bench_method {
        switch self {
        case .naive: BENCH_NAIVE
        case .batch: BENCH_BATCH
        case .gather: BENCH_GATHER
        case .sameWork: BENCH_SAME_WORK
        case .guarded: BENCH_GUARDED
        case .discard: BENCH_DISCARD
        }
    }
}
