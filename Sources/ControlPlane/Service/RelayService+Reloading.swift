import HTTPHosting
import Logging
import RelayEngine
import RelayModel

// What SIGHUP changes while the service goes on.

extension RelayService {
    /// Takes over what can change while it serves: whom it believes, and what sessions may do.
    ///
    /// - Throws: why the certificates cannot be used; then nothing was changed.
    package func reload(_ options: ServiceOptions) throws(StartupError) {
        try reloadTLS(options.tls)
        self.options.authority = options.authority
        self.options.policy = options.policy
        self.options.configuredSessions = options.configuredSessions
        self.options.handlers = options.handlers
        self.options.relays = options.relays
        gatekeeper.replace(options.authority)
        guard let parts else { return }
        parts.api.datagramBudgets.replace(perSecondMax: options.policy.datagramsPerSecondMax)
        reloadSessions(parts.registry, parts.control)
    }

    /// Has the control thread hold the sessions against the policy, and follow those of the
    /// configuration file.
    private func reloadSessions(_ registry: SessionRegistry, _ control: WorkQueue) {
        let configured: [SessionDefinition]
        do {
            configured = try options.configuredDefinitions()
        } catch {
            logger.error(
                "the configured sessions are wrong",
                metadata: ["error": "\(error.detail)"]
            )
            return
        }
        let (policy, handlers, relays) = (options.policy, options.handlers, options.relays)
        // As a timer: jobs may be refused when there are many.
        control.schedule(afterNanoseconds: 0) {
            registry.setPolicy(policy)
            registry.engine.setHandlers(handlers)
            registry.engine.setRelays(relays)
            // First what the file says of its own sessions now, which may be what the policy wants.
            registry.reload(configured: configured)
            registry.enforcePolicy()
            registry.reviewWarningsAgain()
        }
    }

    private func reloadTLS(_ settings: TLSSettings?) throws(StartupError) {
        guard let settings, settings != options.tls else { return }
        for listener in parts?.listeners ?? [] where listener.configuration.tls != nil {
            do throws(ListenerError) {
                try listener.reloadTLS(settings)
            } catch {
                throw StartupError(.listen, error.description)
            }
        }
        options.tls = settings
    }
}
