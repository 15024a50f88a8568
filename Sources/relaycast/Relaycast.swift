import ArgumentParser

@main
struct Relaycast: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "relaycast")
}
