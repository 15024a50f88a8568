import Glibc
import RelayModel

extension SessionError {
    /// What a refused system call means to the client who asked for a session or a send.
    init(_ error: SystemCallError) {
        let (code, advice) = Self.meaning(of: error)
        self.init(code, "\(error.operation): \(error.name)\(advice)", errno: error.name)
    }

    private static func meaning(of error: SystemCallError) -> (Code, String) {
        let isJoin = error.operation.hasPrefix("MCAST_")
        switch error.number {
        case EADDRINUSE where !isJoin: return (.addressInUse, "")
        case EADDRNOTAVAIL where !isJoin: return (.interfaceUnavailable, "")
        case ENODEV, ENXIO: return (.interfaceUnavailable, "; the interface has gone")
        case ENETUNREACH, EHOSTUNREACH, ENETDOWN:
            return (.networkUnreachable, "; check routes and the interface")
        case EACCES, EPERM:
            return (.permissionDenied, "; ports below 1024 need CAP_NET_BIND_SERVICE")
        case EMFILE, ENFILE:
            return (.sessionLimitReached, "; raise the limit of open files (RLIMIT_NOFILE)")
        case EMSGSIZE: return (.datagramTooLarge, "; send less at once")
        case ENOBUFS where isJoin, ENOMEM where isJoin:
            return (.groupJoinFailed, "; raise net.ipv4.igmp_max_memberships or igmp_max_msf")
        case ENOBUFS, EAGAIN, ENOMEM: return (.sendBufferFull, "; try again later")
        default: return (isJoin ? .groupJoinFailed : .internal, "")
        }
    }
}
