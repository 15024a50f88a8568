import ArgumentParser
import ControlPlane
import Foundation
import Logging

/// `relaycast serve`: runs the daemon until a signal ends it.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the API until SIGTERM or SIGINT.",
        discussion: Setting.discussion + "\n\n" + ExitStatus.explanation
    )

    @OptionGroup var arguments: ServiceArguments

    func run() throws {
        // Before any thread starts, so that all of them inherit the mask.
        Signals.block()
        // What is made from here on, sockets and database, is for this user alone.
        umask(0o077)
        let resolution = try arguments.resolvedOrExit()
        var configuration = resolution.configuration
        let log = LogWriter.standardError(format: configuration.logFormat)
        defer { log.flush() }
        LoggingSystem.bootstrap { [configuration] _ in
            StandardErrorLogHandler(
                level: configuration.logLevel,
                format: configuration.logFormat,
                writer: log
            )
        }
        let logger = Logger(label: "relaycast")
        for warning in resolution.warnings {
            logger.warning("\(warning)")
        }
        let descriptors = DescriptorLimit.raise()
        logger.debug("raised the limit of descriptors", metadata: ["limit": "\(descriptors)"])

        let service = RelayService(options: configuration.options, logger: logger)
        do {
            try service.start()
        } catch {
            logger.critical("cannot start: \(error.sentence)")
            throw error.exitStatus
        }
        logger.info(
            "serving",
            metadata: [
                "version": "\(ServiceOptions.version)",
                "listen": .array(
                    service.boundAddresses.map {
                        "\($0.url(isTLS: configuration.options.tls != nil))"
                    }
                ),
            ]
        )
        // Whoever has read the greeting finds the lines before it in the log.
        log.flush()
        greet(service.boundAddresses, configuration)

        let signal = Signals.waitForTermination {
            reload(service, &configuration, logger)
        }
        // From here on, before anything that could hang, another signal ends the process at once.
        Signals.unblockTermination()
        logger.info("stopping", metadata: ["signal": "\(signal)"])
        service.drain()
        service.stop()
        logger.info("stopped")
    }

    /// Takes a changed configuration over; one that is wrong changes nothing.
    private func reload(
        _ service: RelayService,
        _ running: inout DaemonConfiguration,
        _ logger: Logger
    ) {
        logger.info("SIGHUP received; reading the configuration again")
        var resolution = arguments.resolved()
        let waiting = resolution.adapt(to: running)
        for warning in resolution.warnings { logger.warning("\(warning)") }
        guard resolution.problems.isEmpty else {
            for problem in resolution.problems {
                logger.error("\(problem.origin): \(problem.sentence)")
            }
            logger.error("the configuration is wrong; nothing was changed")
            return
        }
        if !waiting.isEmpty {
            logger.warning(
                "some settings take a restart",
                metadata: ["settings": .array(waiting.map { "\($0)" })]
            )
        }
        do throws(StartupError) {
            try service.reload(resolution.configuration.options)
        } catch {
            logger.error("\(error.sentence)")
            logger.error("the configuration is wrong; nothing was changed")
            return
        }
        running = resolution.configuration
        logger.notice(
            "configuration reloaded",
            metadata: ["tokens": "\(running.options.authority.keyring?.tokens.count ?? 0)"]
        )
    }

    /// Prints the greeting from a thread of its own: a pipe that nobody reads must not keep the main
    /// thread from taking signals.
    private func greet(_ addresses: [ListenAddress], _ configuration: DaemonConfiguration) {
        let text = Greeting.text(
            for: addresses,
            isTLS: configuration.options.tls != nil,
            needsToken: configuration.needsToken
        )
        Thread.detachNewThread { StandardOutput.write(text) }
    }
}

extension DaemonConfiguration {
    /// Whether the first address asks for a token.
    fileprivate var needsToken: Bool {
        let authority = options.authority
        let isTrusted =
            options.listen.isEmpty ? authority.trustsUnixSocket : authority.trustsLoopback
        return authority.keyring != nil && !isTrusted
    }
}

extension StartupError {
    /// How the process ends when the service could not start.
    fileprivate var exitStatus: ExitCode {
        switch kind {
        case .storeUnavailable: ExitStatus.cannotCreate
        case .store: ExitStatus.inputOutput
        case .listen: ExitStatus.unavailable
        case .other: ExitStatus.software
        }
    }
}
