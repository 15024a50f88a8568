import RelayModel

extension ManagedSession {
    /// Whether it waits for what it needs, a target too, rather than fail: where a definition says so,
    /// and always what the configuration file defines, as no client is told of a failure.
    func mayWait(as definition: SessionDefinition) -> Bool {
        definition.whenUnavailable == .wait || origin == .configuration
    }
}
