import RelayModel

extension RelayEngine {
    /// The names of the handlers, in order.
    package var handlerNames: [HandlerName] { handlers.names }

    /// From now on these are the handlers, called by one thread at a time. Sessions whose handler
    /// is gone answer nothing; `refusal(of:)` tells them.
    package func setHandlers(_ handlers: [HandlerName: Handler]) { self.handlers.replace(handlers) }

    /// Why a definition cannot be served, where the handler it names is not declared; nil if it is.
    package func refusal(of definition: SessionDefinition) -> SessionError? {
        do throws(SessionError) {
            _ = try handlerQueue(of: definition)
            return nil
        } catch {
            return error
        }
    }

    /// Where datagrams wait for the handler of the definition; nil if it has none.
    ///
    /// Throws `handler-not-found`.
    func handlerQueue(of definition: SessionDefinition) throws(SessionError) -> HandlerQueue? {
        guard let name = definition.reply?.handler else { return nil }
        if let queue = handlers.queue(name) { return queue }
        throw SessionError(
            .handlerNotFound,
            "there is no handler \(name); the operator declares handlers in the configuration file"
        )
    }
}
