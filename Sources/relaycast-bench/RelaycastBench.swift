import ArgumentParser

/// The command line of what `scripts/bench` runs: reference programs, generator, receiver, the
/// comparison within one process, and what digests cost.
@main
struct RelaycastBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relaycast-bench",
        abstract: "Reference programs and measuring tools; scripts/bench runs them.",
        subcommands: [
            Relay.self, Generate.self, Receive.self, ServeBytes.self, InProcess.self, Digest.self,
        ]
    )
}
