import ArgumentParser
import CBenchReference
import RelayEngine

/// What the digests of payloads cost by themselves.
struct Digest: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "State what the engine's digests of a payload cost by themselves.",
        discussion: """
            A batch of payloads in the processor's cache is gone through again and again: by an \
            empty loop, by one that makes the sample of each payload, as for every datagram that \
            the loop guard sees, and by one that digests all bytes, as for a payload whose sample \
            is known, or that other sessions may hear. Of at most 128 bytes the engine makes the \
            sample alone. What the empty loop of the same round took is taken off.
            """
    )

    @Option(help: "How often each digest has its turn.")
    var rounds = 200

    @Option(help: "Bytes of payload, 1 to 1472; may be repeated. By default 64 and 1316.")
    var size: [Int] = [64, 1316]

    /// Payloads of a batch, and how often a turn goes through it.
    private static let payloads = 64
    private static let passes = 100

    func validate() throws {
        guard 1...1_000_000 ~= rounds, size.allSatisfy({ 1...1472 ~= $0 }) else {
            throw ValidationError("an option is out of range")
        }
    }

    func run() throws {
        var sum: UInt64 = 0
        for size in size {
            let payloads = [UInt8](repeating: 7, count: Self.payloads * size)
            var costs: [PayloadDigest: [Double]] = [:]
            for round in -rounds / 10..<rounds {
                for digest in PayloadDigest.allCases {
                    let cost = turn(digest, payloads, size, &sum)
                    if round >= 0 { costs[digest, default: []].append(cost) }
                }
            }
            print(costs, size)
        }
        // So that no turn can be left out.
        withExtendedLifetime(sum) {}
    }

    /// CPU nanoseconds per payload.
    private func turn(
        _ digest: PayloadDigest,
        _ payloads: [UInt8],
        _ size: Int,
        _ sum: inout UInt64
    ) -> Double {
        let start = bench_thread_cpu_nanoseconds()
        sum &+= digest.make(of: payloads.span, size: size, rounds: Self.passes)
        let end = bench_thread_cpu_nanoseconds()
        return Double(end - start) / Double(Self.payloads * Self.passes)
    }

    private func print(_ costs: [PayloadDigest: [Double]], _ size: Int) {
        let empty = costs[.none] ?? []
        for digest in PayloadDigest.allCases where digest != .none {
            let net = zip(costs[digest] ?? [], empty).map { $0 - $1 }
            report([
                ("digest", "\"\(digest.rawValue)\""),
                ("size", "\(size)"),
                ("nanosecondsPerPayload", Quartiles(net).json),
                ("emptyLoop", Quartiles(empty).json),
            ])
        }
    }
}
