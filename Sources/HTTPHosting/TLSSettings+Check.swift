extension TLSSettings {
    /// Throws what a listener with these settings would refuse to start for.
    package func check() throws(ListenerError) { _ = try TLSIdentity(self) }
}
