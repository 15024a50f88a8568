import CBenchReference

/// The sender and the sink of the comparison within one process.
@safe struct Loopback: ~Copyable {
    private let sockets: OpaquePointer

    /// Listens on `count` ports of 127.0.0.1 from `sinkPort` on.
    init(sinkPort: UInt16, count: UInt16) throws {
        // Safe because the sockets are closed once, when their only owner goes.
        guard let sockets = unsafe bench_loopback_open(sinkPort, Int32(count)) else {
            throw Failure(description: "loopback: errno \(lastError())")
        }
        unsafe self.sockets = unsafe sockets
    }

    deinit { unsafe bench_loopback_close(sockets) }

    /// Puts datagrams into the receive buffer of a port.
    mutating func fill(port: UInt16, count: Int, size: Int32) throws {
        try check(unsafe bench_loopback_fill(sockets, port, Int32(count), size), "fill")
    }

    /// Takes out what was forwarded; how many datagrams that were.
    mutating func empty() -> Int { Int(unsafe bench_loopback_empty(sockets)) }
}

extension bench_endpoints {
    /// Ports of 127.0.0.1.
    init(loopbackPort: UInt16, count: UInt16 = 1) {
        self.init(
            address: 0x7F00_0001,
            port: loopbackPort,
            count: count,
            interface_address: 0
        )
    }
}
