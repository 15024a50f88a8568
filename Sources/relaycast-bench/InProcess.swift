import ArgumentParser
import CBenchReference
import Glibc

/// The comparison that live runs are too noisy for: engine and references in one process.
struct InProcess: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inprocess",
        abstract: "Compare the relay engine with the references in C, all in this process.",
        discussion: """
            A socket of 127.0.0.1 is filled with datagrams, untimed; then the variant whose turn it
            is drains it and forwards, and the CPU time of the thread is read before and after. A
            turn in which a datagram was lost does not count, and most turns must. Ratios are made
            within each round.
            """
    )

    @Option(help: "How often each variant has its turn.")
    var rounds = 1000

    @Option(help: "Bytes of payload, 16 to 1472.")
    var size: Int32 = 1316

    @Option(help: "Ports of 127.0.0.1 that each datagram is forwarded to, 1 to 64.")
    var targets: UInt16 = 1

    @Option(help: "The first of the ports of 127.0.0.1 that are used; by default one by chance.")
    var port = UInt16.random(in: 20_000..<30_000)

    /// Datagrams of a turn: four batches.
    private static let datagrams = 256

    func validate() throws {
        guard 1...1_000_000 ~= rounds, 16...1472 ~= size, 1...64 ~= targets, port <= 60_000 else {
            throw ValidationError("an option is out of range")
        }
    }

    func run() throws {
        let sink = port + 10
        var loopback = try Loopback(sinkPort: sink, count: targets)
        var contestants: [any InProcessRelay] = [
            try EngineRelay(.full, port: port, sinkPort: sink, targets: targets),
            try EngineRelay(.withoutGuard, port: port + 1, sinkPort: sink, targets: targets),
            try ReferenceRelay(.guarded, port: port + 2, sinkPort: sink, targets: targets),
            try ReferenceRelay(.sameWork, port: port + 3, sinkPort: sink, targets: targets),
            try ReferenceRelay(.gather, port: port + 4, sinkPort: sink, targets: targets),
            try ReferenceRelay(.batch, port: port + 5, sinkPort: sink, targets: targets),
        ]
        var turns = contestants.map { Turns(name: $0.name) }
        for round in -rounds / 10..<rounds {
            for offset in contestants.indices {
                let index = (offset + abs(round)) % contestants.count
                let cost = try turn(&contestants[index], &loopback)
                if round >= 0 { turns[index].costs.append(cost) }
            }
        }
        try print(turns)
    }

    /// CPU nanoseconds per datagram, nil when some were lost.
    private func turn(
        _ relay: inout any InProcessRelay,
        _ loopback: inout Loopback
    ) throws -> Double? {
        try loopback.fill(port: relay.port, count: Self.datagrams, size: size)
        let start = bench_thread_cpu_nanoseconds()
        relay.drain()
        let end = bench_thread_cpu_nanoseconds()
        guard loopback.empty() == Self.datagrams * Int(targets) else { return nil }
        return Double(end - start) / Double(Self.datagrams)
    }

    private func print(_ turns: [Turns]) throws {
        for contestant in turns {
            let costs = contestant.costs.compactMap { $0 }
            guard costs.count * 2 > rounds else {
                throw Failure(
                    description: "\(contestant.name): \(costs.count) of \(rounds) turns "
                        + "lost nothing; is the machine out of socket memory?"
                )
            }
            let reference = EngineRelay.Work(rawValue: contestant.name)?.reference ?? .sameWork
            report([
                ("name", "\"\(contestant.name)\""),
                ("nanosecondsPerDatagram", Quartiles(costs).json),
                ("toSameWork", ratios(contestant, to: reference, turns).json),
                ("toBare", ratios(contestant, to: .gather, turns).json),
                ("turns", "\(costs.count)"),
            ])
        }
    }

    private func ratios(_ mine: Turns, to method: RelayMethod, _ turns: [Turns]) -> Quartiles {
        guard let theirs = turns.first(where: { $0.name == method.rawValue }) else {
            preconditionFailure("\(method) takes part")
        }
        return Quartiles(mine.ratios(to: theirs))
    }
}
