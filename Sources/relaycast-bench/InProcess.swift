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
            is drains it and forwards, and the CPU time of the thread is read before and after. Each
            turn is taken twice and the second one counts, so that what is measured is traffic that
            goes on, and not how much of a variant the others have driven out of the caches. A turn
            in which a datagram was lost does not count, and most turns must. Ratios are made within
            each round.
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

    @Option(help: "Only this variant, as for a profiler; may be repeated.")
    var variant: [String] = []

    private static let engine: [EngineRelay.Work] = [.full, .withoutGuard]
    private static let references: [RelayMethod] = [.guarded, .sameWork, .gather, .batch]
    /// Datagrams of a turn: a few batches.
    private static let datagrams = 256

    func validate() throws {
        guard 1...1_000_000 ~= rounds, 16...1472 ~= size, 1...64 ~= targets, port <= 60_000 else {
            throw ValidationError("an option is out of range")
        }
        let names = Self.engine.map(\.rawValue) + Self.references.map(\.rawValue)
        if let unknown = variant.first(where: { !names.contains($0) }) {
            throw ValidationError("\(unknown) is none of \(names.joined(separator: ", "))")
        }
    }

    func run() throws {
        let sink = port + 10
        var loopback = try Loopback(sinkPort: sink, count: targets)
        var contestants = try contestants(sinkPort: sink).filter { contestant in
            variant.isEmpty || variant.contains(contestant.name)
        }
        var turns = contestants.map { Turns(name: $0.name) }
        for round in -rounds / 10..<rounds {
            for offset in contestants.indices {
                let index = (offset + abs(round)) % contestants.count
                _ = try turn(&contestants[index], &loopback)
                let cost = try turn(&contestants[index], &loopback)
                if round >= 0 { turns[index].costs.append(cost) }
            }
        }
        try print(turns)
    }

    private func contestants(sinkPort: UInt16) throws -> [any InProcessRelay] {
        var ports = (port..<sinkPort).makeIterator()
        var contestants: [any InProcessRelay] = []
        for work in Self.engine {
            guard let port = ports.next() else { preconditionFailure("a port for each") }
            contestants.append(
                try EngineRelay(work, port: port, sinkPort: sinkPort, targets: targets)
            )
        }
        for method in Self.references {
            guard let port = ports.next() else { preconditionFailure("a port for each") }
            contestants.append(
                try ReferenceRelay(method, port: port, sinkPort: sinkPort, targets: targets)
            )
        }
        return contestants
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
            var members = [
                ("name", "\"\(contestant.name)\""),
                ("nanosecondsPerDatagram", Quartiles(costs).json),
                ("turns", "\(costs.count)"),
            ]
            for (name, method) in [("toSameWork", reference), ("toBare", RelayMethod.gather)] {
                if let theirs = turns.first(where: { $0.name == method.rawValue }) {
                    members.append((name, Quartiles(contestant.ratios(to: theirs)).json))
                }
            }
            report(members)
        }
    }
}
