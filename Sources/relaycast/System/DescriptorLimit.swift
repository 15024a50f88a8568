import Glibc

/// How many descriptors the process may have (getrlimit(2), RLIMIT_NOFILE).
///
/// Safe because the kernel only reads or writes the one local structure it is lent.
enum DescriptorLimit {
    /// Raises the soft limit to the hard one, and answers the limit then in force. A session takes
    /// one descriptor; the usual soft limit of 1024 is there for select(2), which nothing here uses.
    static func raise() -> UInt64 {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return 0
        }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        let status = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return UInt64(status == 0 ? limit.rlim_cur : before)
    }
}
