import ArgumentParser
import CBenchReference

/// The generator.
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send numbered datagrams at a rate, and say how many left."
    )

    @Option(help: "Where to send: ADDRESS:PORT[+COUNT][@INTERFACE-ADDRESS].")
    var to: EndpointsArgument

    @Option(help: "Bytes of payload.")
    var size: Int32 = 1316

    @Option(help: "Datagrams a second; 0 is as fast as it goes.")
    var rate: Double = 0

    @Option(help: "For how long.")
    var seconds: Double = 1

    @Option(help: "How many at most; 0 is no limit.")
    var countMax: UInt64 = 0

    @Flag(help: "Send bursts without UDP_SEGMENT.")
    var single = false

    func run() throws {
        var traffic = bench_traffic(
            to: to.value,
            size: size,
            rate: rate,
            seconds: seconds,
            count_max: countMax,
            segments: single ? 0 : 1
        )
        var sent = bench_sent()
        // Safe because both are used during the call only.
        try check(unsafe bench_generate(&traffic, &sent), "generate")
        report([
            ("sent", "\(sent.sent)"), ("failed", "\(sent.failed)"), ("seconds", "\(sent.seconds)"),
            ("cpuNanoseconds", "\(sent.cpu_nanoseconds)"),
        ])
    }
}

/// The receiver.
struct Receive: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Count numbered datagrams until no more come, and say how late they were."
    )

    @Option(help: "Where to receive: ADDRESS:PORT[+COUNT][@INTERFACE-ADDRESS].")
    var at: EndpointsArgument

    @Option(help: "It is over when nothing came for so long.")
    var idleMilliseconds: Int32 = 250

    @Option(help: "It is over when nothing came at all for so long.")
    var patienceMilliseconds: Int32 = 3000

    @Option(help: "Look so often instead of waiting to be woken; 0 is to wait.")
    var lookEveryMicroseconds: Int32 = 0

    @Flag(help: "Measure latencies.")
    var latency = false

    func run() throws {
        var reception = bench_reception(
            at: at.value,
            idle_milliseconds: idleMilliseconds,
            patience_milliseconds: patienceMilliseconds,
            measure_latency: latency ? 1 : 0,
            look_every_microseconds: lookEveryMicroseconds
        )
        var counted = bench_counted()
        // Safe because both are used during the call only.
        try check(unsafe bench_receive(&reception, &counted), "receive")
        report([
            ("received", "\(counted.received)"), ("dropped", "\(counted.dropped)"),
            ("reordered", "\(counted.reordered)"), ("bytes", "\(counted.bytes)"),
            ("latencyP50Nanoseconds", "\(counted.latency_p50)"),
            ("latencyP99Nanoseconds", "\(counted.latency_p99)"),
            ("latencyMaxNanoseconds", "\(counted.latency_max)"),
        ])
    }
}
