/// What the relay thread knows of the links of this host; all sessions look at one of it.
final class HostLinks {
    private(set) var networks: OnLinkNetworks

    init(_ networks: OnLinkNetworks = OnLinkNetworks()) { self.networks = networks }

    /// The interfaces have changed.
    func replace(_ networks: OnLinkNetworks) { self.networks = networks }
}
