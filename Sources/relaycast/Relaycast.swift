import ArgumentParser
import ControlPlane

/// The command line.
@main
struct Relaycast: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relaycast",
        abstract: "Multicast and broadcast relay sessions behind a REST API.",
        version: ServiceOptions.version,
        subcommands: [Serve.self, CheckConfiguration.self, MakeToken.self]
    )
}
