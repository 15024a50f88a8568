import CRelaySocket
import Glibc

/// Hears of interfaces that were deleted (rtnetlink(7), RTM_DELLINK), also of those that were made
/// again at once under the same name and index: the memberships of the old one are gone.
package final class LinkMonitor: Sendable {
    /// Events taken at once; what remains is taken the next time.
    private static let eventsMax = 4096

    private let descriptor: Descriptor

    package init() throws(SystemCallError) {
        descriptor = Descriptor(
            owning: try SystemCallError.check("netlink", relay_link_events_open())
        )
    }

    /// The indexes of the interfaces that were deleted since the last call. Events that the kernel
    /// could not keep (ENOBUFS) are not known.
    package func takeDeleted() -> Set<Int32> {
        var deleted: Set<Int32> = []
        for _ in 0..<Self.eventsMax {
            let result = relay_next_deleted_link(descriptor.number)
            if result > 0 { deleted.insert(result) }
            if result < 0 && result != -ENOBUFS { break }
        }
        return deleted
    }
}
