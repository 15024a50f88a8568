import ArgumentParser
import Foundation

/// The options that `serve` and `check-config` share, as they were written: what they mean, and
/// what the environment and the file say, is settled by ``Resolution``.
struct ServiceArguments: ParsableArguments {
    @Option(help: Setting.help("listen"))
    var listen: [String] = []

    @Option(help: Setting.help("unixSocket"))
    var unixSocket: String?

    @Option(help: Setting.help("dataDirectory"))
    var dataDirectory: String?

    @Option(
        help: ArgumentHelp(
            "configuration file (environment: \(ConfigurationFile.environmentVariable), "
                + "default: none)",
            valueName: "FILE"
        )
    )
    var config: String?

    @Option(help: Setting.help("tokensFile"))
    var tokensFile: String?

    @Option(help: Setting.help("trustLoopback"))
    var trustLoopback: String?

    @Option(help: Setting.help("trustUnixSocket"))
    var trustUnixSocket: String?

    @Option(help: Setting.help("tlsCertificate"))
    var tlsCertificate: String?

    @Option(help: Setting.help("tlsKey"))
    var tlsKey: String?

    @Option(name: .customLong("tls-client-ca"), help: Setting.help("tlsClientCA"))
    var tlsClientCA: String?

    @Option(help: Setting.help("behindProxy"))
    var behindProxy: String?

    @Option(name: .customLong("allowed-host"), help: Setting.help("allowedHosts"))
    var allowedHosts: [String] = []

    @Option(name: .customLong("allowed-origin"), help: Setting.help("allowedOrigins"))
    var allowedOrigins: [String] = []

    @Option(name: .customLong("relay"), help: Setting.help("relays"))
    var relays: [String] = []

    @Option(help: Setting.help("logLevel"))
    var logLevel: String?

    @Option(help: Setting.help("logFormat"))
    var logFormat: String?

    @Option(help: Setting.help("sessionsMax"))
    var sessionsMax: String?

    @Option(help: Setting.help("connectionsMax"))
    var connectionsMax: String?

    @Option(help: Setting.help("connectionsPerAddressMax"))
    var connectionsPerAddressMax: String?

    @Option(help: Setting.help("bodyBytesMax"))
    var bodyBytesMax: String?

    @Option(help: Setting.help("requestDeadlineSeconds"))
    var requestDeadlineSeconds: String?

    @Option(help: Setting.help("responseDeadlineSeconds"))
    var responseDeadlineSeconds: String?

    @Option(help: Setting.help("inactivityTimeoutSeconds"))
    var inactivityTimeoutSeconds: String?

    @Option(help: Setting.help("requestsPerSecondMax"))
    var requestsPerSecondMax: String?

    @Option(help: Setting.help("eventStreamsMax"))
    var eventStreamsMax: String?

    @Option(help: Setting.help("metricsSessionsMax"))
    var metricsSessionsMax: String?

    /// The words of every flag that was given, by the key of its setting.
    var words: [String: [String]] {
        let single = [
            "unixSocket": unixSocket, "dataDirectory": dataDirectory, "logLevel": logLevel,
            "logFormat": logFormat, "sessionsMax": sessionsMax, "connectionsMax": connectionsMax,
            "connectionsPerAddressMax": connectionsPerAddressMax, "bodyBytesMax": bodyBytesMax,
            "requestDeadlineSeconds": requestDeadlineSeconds,
            "responseDeadlineSeconds": responseDeadlineSeconds,
            "inactivityTimeoutSeconds": inactivityTimeoutSeconds,
            "requestsPerSecondMax": requestsPerSecondMax, "eventStreamsMax": eventStreamsMax,
            "metricsSessionsMax": metricsSessionsMax,
            "tokensFile": tokensFile, "trustLoopback": trustLoopback,
            "trustUnixSocket": trustUnixSocket, "tlsCertificate": tlsCertificate,
            "tlsKey": tlsKey, "tlsClientCA": tlsClientCA, "behindProxy": behindProxy,
        ]
        let lists = [
            "listen": listen, "allowedHosts": allowedHosts, "allowedOrigins": allowedOrigins,
            "relays": relays,
        ]
        return single.compactMapValues { $0.map { [$0] } }.merging(lists) { _, list in list }
    }

    /// What all sources say now, right or wrong.
    func resolved() -> Resolution {
        Resolution(
            flags: words,
            file: config,
            environment: ProcessInfo.processInfo.environment
        )
    }

    /// The configuration in force. With problems, each is a line on standard error, and the exit
    /// status tells the command line from the other sources.
    func resolvedOrExit() throws -> Resolution {
        let resolution = resolved()
        guard !resolution.problems.isEmpty else { return resolution }
        var status = ExitStatus.configuration
        for problem in resolution.problems {
            StandardError.write("relaycast: \(problem.origin): \(problem.sentence)\n")
            if case .flag = problem.origin { status = ExitStatus.usage }
        }
        throw status
    }
}
