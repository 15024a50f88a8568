import CRelaySocket
import Glibc

/// Hears of everything that the path of a datagram depends on: interfaces, addresses and routes
/// (rtnetlink(7)).
package final class PathMonitor: Sendable {
    /// Events taken at once: where routes change faster, there is always something left.
    private static let eventsMax = 1024

    private let descriptor: Descriptor

    package init() throws(SystemCallError) {
        descriptor = Descriptor(
            owning: try SystemCallError.check("netlink", relay_path_events_open())
        )
    }

    /// Whether anything has changed since the last call; also where the kernel could not keep what.
    package func takeChange() -> Bool {
        var hasChanged = false
        for _ in 0..<Self.eventsMax {
            let result = relay_next_path_event(descriptor.number)
            if result < 0 && result != -ENOBUFS { break }
            hasChanged = true
        }
        return hasChanged
    }
}
