import CMicroHTTPD
import Glibc

/// A socket that listens, and what must be tidied up after it.
struct ListeningSocket: Sendable {
    /// The socket; owned by the listener, closed by `close()`.
    let descriptor: Int32

    /// Where it listens, with the port that the kernel chose.
    let address: ListenAddress

    /// Identifies the file of a unix socket, so that nobody else's is removed.
    private let file: FileIdentity?

    /// Opens a socket, binds it and listens.
    ///
    /// - Parameter patienceSeconds: how long a client's host may leave unacknowledged, or its
    ///   window closed to, what is sent on a connection.
    init(
        _ address: ListenAddress,
        backlog: Int,
        patienceSeconds: Int = 30
    ) throws(ListenerError) {
        switch address {
        case .tcp(let host, let port):
            descriptor = try openTCP(host, port, backlog, patienceSeconds)
            self.address = .tcp(address: host, port: boundPort(descriptor))
            file = nil
        case .unix(let path):
            descriptor = try openUnix(path, backlog)
            self.address = address
            file = FileIdentity(path)
        }
    }

    /// Refuses new connections from now on; the descriptor stays open, for libmicrohttpd's thread
    /// may still be polling it.
    func stopListening() {
        _ = shutdown(descriptor, Int32(SHUT_RDWR))
        removeFile()
    }

    /// Closes the socket and removes its file.
    func close() {
        _ = Glibc.close(descriptor)
        removeFile()
    }

    private func removeFile() {
        guard case .unix(let path) = address, let file, FileIdentity(path) == file else { return }
        // Safe because the string is valid during the call.
        unsafe unlink(path)
    }
}

/// A file, whatever its name: stat(2).
private struct FileIdentity: Equatable, Sendable {
    private let device: UInt
    private let inode: UInt
    let isSocket: Bool

    /// The file at `path`, if there is one.
    init?(_ path: String) {
        var status = stat()
        // Safe because `status` outlives the call.
        guard unsafe lstat(path, &status) == 0 else { return nil }
        device = status.st_dev
        inode = status.st_ino
        isSocket = status.st_mode & S_IFMT == S_IFSOCK
    }
}

private func openTCP(
    _ host: String,
    _ port: UInt16,
    _ backlog: Int,
    _ patienceSeconds: Int
) throws(ListenerError) -> Int32 {
    var hints = unsafe addrinfo()
    unsafe hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    // Safe because the list is read before it is freed, and only where getaddrinfo(3) succeeded.
    guard unsafe getaddrinfo(host, String(port), &hints, &list) == 0, let first = unsafe list else {
        throw ListenerError(
            operation: "getaddrinfo",
            sentence: "\(host) is not an IPv4 or IPv6 address to listen on."
        )
    }
    defer { unsafe freeaddrinfo(first) }
    let what = "\(ListenAddress.tcp(address: host, port: port))"
    let descriptor = try unsafe openSocket(first.pointee.ai_family)
    do throws(ListenerError) {
        try setOption(descriptor, SOL_SOCKET, SO_REUSEADDR)
        // Connections inherit it. Without, the kernel tries for a quarter of an hour to reach a host
        // that has vanished (tcp(7)), and takes all that time to tell of it.
        try setOption(
            descriptor,
            Int32(IPPROTO_TCP),
            TCP_USER_TIMEOUT,
            Int32(clamping: patienceSeconds * 1000)
        )
        if unsafe first.pointee.ai_family == AF_INET6 {
            try setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY)
        }
        guard unsafe bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else {
            throw failure("bind", "\(what) cannot be listened on.")
        }
        try startListening(descriptor, backlog, what)
    } catch {
        _ = close(descriptor)
        throw error
    }
    return descriptor
}

private func openUnix(_ path: String, _ backlog: Int) throws(ListenerError) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    guard !path.isEmpty, path.utf8.count < capacity, !path.utf8.contains(0) else {
        throw ListenerError(
            operation: "bind",
            errno: "ENAMETOOLONG",
            sentence: "The path of a unix socket must have 1 to \(capacity - 1) bytes: \(path)."
        )
    }
    // Safe because the path was found to be shorter than the room, which is zeroed.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
        unsafe room.copyBytes(from: path.utf8)
    }
    try removeStaleSocket(path, address)
    let descriptor = try openSocket(AF_UNIX)
    do throws(ListenerError) {
        // The new file gets the socket's own mode less the umask, so it is never wider than this;
        // the chmod after it undoes what the umask took.
        guard fchmod(descriptor, 0o660) == 0,
            unsafe withSocketAddress(address, { unsafe bind(descriptor, $0, $1) }) == 0,
            unsafe chmod(path, 0o660) == 0
        else { throw failure("bind", "\(path) cannot be listened on.") }
        try startListening(descriptor, backlog, path)
    } catch {
        _ = close(descriptor)
        throw error
    }
    return descriptor
}

/// Removes the file that a dead process left behind: a socket on which nobody answers.
private func removeStaleSocket(_ path: String, _ address: sockaddr_un) throws(ListenerError) {
    guard let file = FileIdentity(path) else { return }
    guard file.isSocket else {
        throw ListenerError(
            operation: "bind",
            errno: "EEXIST",
            sentence: "\(path) exists and is not a socket; remove it, or choose another path."
        )
    }
    let probe = try openSocket(AF_UNIX)
    defer { _ = close(probe) }
    // Safe because the address outlives the call.
    let answered = unsafe withSocketAddress(address, { unsafe connect(probe, $0, $1) }) == 0
    guard !answered, errno == ECONNREFUSED else {
        throw ListenerError(
            operation: "bind",
            errno: "EADDRINUSE",
            sentence: "Another process listens on \(path)."
        )
    }
    // Safe because the string is valid during the call.
    unsafe unlink(path)
}

private func openSocket(_ family: Int32) throws(ListenerError) -> Int32 {
    let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    let descriptor = socket(family, Int32(type), 0)
    guard descriptor >= 0 else { throw failure("socket", "No socket can be opened.") }
    return descriptor
}

private func setOption(
    _ descriptor: Int32,
    _ level: Int32,
    _ option: Int32,
    _ value: Int32 = 1
) throws(ListenerError) {
    var value = value
    // Safe because `value` outlives the call and has the size given.
    let size = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe setsockopt(descriptor, level, option, &value, size) == 0 else {
        throw failure("setsockopt", "A socket cannot be set up.")
    }
}

private func startListening(
    _ descriptor: Int32,
    _ backlog: Int,
    _ what: String
) throws(ListenerError) {
    guard listen(descriptor, Int32(backlog)) == 0 else {
        throw failure("listen", "\(what) cannot be listened on.")
    }
}

private func boundPort(_ descriptor: Int32) -> UInt16 {
    var address = sockaddr_in6()
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    // Safe because the address outlives the call, which is told its size. The port is at the same
    // place in both families.
    let result = unsafe withUnsafeMutablePointer(to: &address) { address in
        unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe getsockname(descriptor, $0, &length)
        }
    }
    precondition(result == 0, "getsockname(2) fails only when we are wrong.")
    return UInt16(bigEndian: address.sin6_port)
}

private func withSocketAddress(
    _ address: sockaddr_un,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Int32 {
    // Safe because the pointer is only used during the call, with the size of what it points at.
    unsafe withUnsafePointer(to: address) { address in
        unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}

private func failure(_ operation: String, _ sentence: String) -> ListenerError {
    ListenerError(operation: operation, errno: errorName(errno), sentence: sentence)
}

/// `EADDRINUSE` for 98; nil for what the C library does not know.
func errorName(_ code: Int32) -> String? {
    // Safe because the C library returns NULL or a string that is never freed.
    guard let name = unsafe strerrorname_np(code) else { return nil }
    return unsafe String(cString: name)
}
