import ControlPlane

extension Resolution {
    /// Makes the configuration one that a daemon that runs with another can take over: settings
    /// that take a restart stay as they are, and what is left is checked again with them, so that
    /// tokens cannot be taken away from a daemon that serves others than its own host.
    ///
    /// The result is the keys of the settings that take a restart.
    mutating func adapt(to running: DaemonConfiguration) -> [String] {
        guard problems.isEmpty else { return [] }
        var adapted = configuration
        var waiting = Setting.all
            .filter { !$0.isReloaded && $0.describe(running) != $0.describe(configuration) }
            .map(\.key)
        adapted.options = running.options
        adapted.options.authority = configuration.options.authority
        adapted.options.policy = configuration.options.policy
        adapted.options.configuredSessions = configuration.options.configuredSessions
        adapted.options.handlers = configuration.options.handlers
        adapted.options.relays = configuration.options.relays
        adapted.isBehindProxy = running.isBehindProxy
        adapted.logLevel = running.logLevel
        adapted.logFormat = running.logFormat
        if (running.options.tls == nil) == (configuration.options.tls == nil) {
            adapted.options.tls = configuration.options.tls
        } else {
            // A listener speaks TLS from its start to its end, or not at all.
            adapted.tlsCertificate = running.tlsCertificate
            adapted.tlsKey = running.tlsKey
            adapted.tlsClientCA = running.tlsClientCA
            waiting.append("tlsCertificate")
        }
        configuration = adapted
        checkListening()
        checkTrust()
        return waiting
    }
}
