/// A capability of Linux that the daemon makes use of where it has it (capabilities(7)).
package enum HostCapability: String, Sendable, CaseIterable {
    case networkAdministration = "CAP_NET_ADMIN"
    case rawNetwork = "CAP_NET_RAW"
    case privilegedPorts = "CAP_NET_BIND_SERVICE"

    /// Its number in linux/capability.h.
    var number: Int {
        switch self {
        case .privilegedPorts: 10
        case .networkAdministration: 12
        case .rawNetwork: 13
        }
    }

    /// What is possible with it, in the words of `/v1/server`.
    package var enables: String {
        switch self {
        case .networkAdministration:
            "sourceMode preserve, and buffers beyond net.core.rmem_max and wmem_max"
        case .rawNetwork: "sourceMode preserve, also without CAP_NET_ADMIN"
        case .privilegedPorts: "ports below net.ipv4.ip_unprivileged_port_start, usually 1024"
        }
    }
}
