/// Where a listener accepts connections.
package enum ListenAddress: Sendable, Hashable {
    /// A literal IPv4 or IPv6 address, without brackets and never a name, and a TCP port;
    /// port 0 lets the kernel choose one.
    case tcp(address: String, port: UInt16)

    /// The path of a stream socket in the file system (unix(7)), at most 107 bytes.
    case unix(path: String)

    /// Reads `ADDRESS:PORT`, where an IPv6 address stands in brackets (RFC 3986, 3.2.2).
    ///
    /// Only the shape is looked at; whether the address is a literal is found out by `start()`.
    package init?(hostAndPort text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits)
        else { return nil }
        var address = text[..<colon]
        if address.hasPrefix("[") && address.hasSuffix("]") {
            address = address.dropFirst().dropLast()
            guard address.contains(":") else { return nil }
        } else if address.contains(":") {
            return nil
        }
        guard !address.isEmpty else { return nil }
        self = .tcp(address: String(address), port: port)
    }
}

extension ListenAddress: CustomStringConvertible {
    /// What a client is given: a URL such as `http://[::1]:8080`, or `unix:/run/relaycast.socket`.
    package var description: String { url(isTLS: false) }

    /// What a client is given, where the listener speaks TLS or plain HTTP.
    package func url(isTLS: Bool) -> String {
        switch self {
        case .tcp(let address, let port):
            (isTLS ? "https://" : "http://")
                + (address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)")
        case .unix(let path): "unix:\(path)"
        }
    }
}
