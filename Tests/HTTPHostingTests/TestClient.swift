import Glibc
import Synchronization

@testable import HTTPHosting

/// A client that sends exactly the bytes it is told to, over a plain socket with deadlines.
final class TestClient {
    /// The socket.
    let descriptor: Int32

    /// The process that does part of the work, if there is one.
    var helper: TestProcess?

    private var received: [UInt8] = []
    private(set) var isAtEnd = false

    /// Connects; reading and writing give up after ten seconds.
    convenience init(_ address: ListenAddress?) throws {
        guard let address else { throw TestFailure("The listener has no address.") }
        switch address {
        case .tcp(let host, let port): try self.init(connected: connectTCP(host, port))
        case .unix(let path): try self.init(connected: connectUnix(path))
        }
    }

    /// Connects a socket that there is already.
    convenience init(connecting descriptor: Int32, toLoopbackPort port: UInt16) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // Safe because the address outlives the call, which is told its size.
        let result = unsafe withUnsafePointer(to: address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw TestFailure("connect: \(errno)") }
        self.init(connected: descriptor)
    }

    /// Takes over a socket that is connected.
    init(connected descriptor: Int32) {
        self.descriptor = descriptor
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        // Safe because the timeout outlives the calls.
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, size)
    }

    deinit { close(descriptor) }

    /// Sends all of `text`; false if the other side is gone.
    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Sends all of `bytes`; false if the other side is gone.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            // Safe because the buffer outlives the call, and no more than the rest of it is sent.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    descriptor,
                    buffer.baseAddress?.advanced(by: sent),
                    bytes.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// A `GET` with the fields every request needs.
    func get(_ path: String, fields: String = "") throws -> TestResponse {
        send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n")
        return try response()
    }

    /// The next response, with its body unless it answers `HEAD`.
    func response(toHead: Bool = false) throws -> TestResponse {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let range = received.firstRange(of: end) {
                let head = String(decoding: received[..<range.lowerBound], as: UTF8.self)
                var response = TestResponse(head: head)
                let isInterim = (100..<200).contains(response.status)
                let length = toHead || isInterim ? 0 : response.contentLength
                while received.count < range.upperBound + length { try receiveMore() }
                let body = received[range.upperBound..<range.upperBound + length]
                response.body = String(decoding: body, as: UTF8.self)
                received.removeFirst(range.upperBound + length)
                return response
            }
            try receiveMore()
        }
    }

    /// The next chunk of a chunked body; empty at its end.
    func chunk() throws -> [UInt8] {
        let lineEnd = Array("\r\n".utf8)
        while true {
            if let line = received.firstRange(of: lineEnd) {
                let digits = String(decoding: received[..<line.lowerBound], as: UTF8.self)
                guard let length = Int(digits, radix: 16) else {
                    throw TestFailure("\(digits) is no length of a chunk.")
                }
                let end = line.upperBound + length
                if received.count >= end + 2 {
                    let chunk = Array(received[line.upperBound..<end])
                    received.removeFirst(end + 2)
                    return chunk
                }
            }
            try receiveMore()
        }
    }

    /// What is left of a chunked body.
    func chunks() throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let chunk = try chunk()
            if chunk.isEmpty { return all }
            all += chunk
        }
    }

    /// Everything until the other side closes.
    func readToEnd() -> String {
        while !isAtEnd { try? receiveMore() }
        return String(decoding: received, as: UTF8.self)
    }

    /// Whether something, or the end, arrives within the time.
    func becomesReadable(withinMilliseconds milliseconds: Int32) -> Bool {
        var one = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // Safe because there is one entry and it outlives the call.
        return unsafe poll(&one, 1, milliseconds) == 1
    }

    private func receiveMore() throws {
        var piece = [UInt8](repeating: 0, count: 65536)
        // Safe because the buffer outlives the call, which is told its size.
        let count = unsafe piece.withUnsafeMutableBytes { buffer in
            unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
        }
        guard count > 0 else {
            isAtEnd = true
            throw TestFailure("The connection ended, or nothing came in ten seconds.")
        }
        received += piece[..<count]
    }
}

/// A response as the client saw it.
struct TestResponse {
    /// The status code.
    var status: Int

    /// The fields, with names in lower case.
    var fields: [String: String] = [:]

    /// The body as text.
    var body = ""

    /// Reads a header section.
    init(head: String) {
        let lines = head.split(separator: "\r\n")
        status = Int(lines.first?.split(separator: " ").dropFirst().first ?? "") ?? 0
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields[line[..<colon].lowercased()] = String(value)
        }
    }

    /// What `Content-Length` says.
    var contentLength: Int { Int(fields["content-length"] ?? "") ?? 0 }

    /// The problem's code, read without a parser.
    var code: String? {
        guard let start = body.firstRange(of: "\"code\":\"") else { return nil }
        return String(body[start.upperBound...].prefix { $0 != "\"" })
    }
}

/// Why a test could not go on.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

private func connectTCP(_ host: String, _ port: UInt16) throws -> Int32 {
    var hints = unsafe addrinfo()
    unsafe hints.ai_flags = AI_NUMERICHOST
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    // Safe because the list is read before it is freed.
    guard unsafe getaddrinfo(host, String(port), &hints, &list) == 0, let first = unsafe list else {
        throw TestFailure("\(host) is no address.")
    }
    defer { unsafe freeaddrinfo(first) }
    let descriptor = unsafe socket(first.pointee.ai_family, Int32(SOCK_STREAM.rawValue), 0)
    guard unsafe connect(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else {
        close(descriptor)
        throw TestFailure("connect: \(errno)")
    }
    return descriptor
}

private func connectUnix(_ path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // Safe because test paths are short, and the address outlives the calls.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let result = unsafe withUnsafePointer(to: address) { address in
        unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    guard result == 0 else {
        close(descriptor)
        throw TestFailure("connect: \(errno)")
    }
    return descriptor
}
