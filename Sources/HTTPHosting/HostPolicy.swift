/// Decides which `Host` a listener answers to, against DNS rebinding.
struct HostPolicy: Sendable {
    private let names: Set<String>
    private let acceptsLiterals: Bool
    private let acceptsAll: Bool

    /// The policy of a listener on `address` that also goes by `allowedHosts`.
    init(_ address: ListenAddress, allowedHosts: Set<String>) {
        var names = Set(allowedHosts.map { $0.lowercased() })
        switch address {
        case .unix:
            (acceptsLiterals, acceptsAll) = (true, true)
        case .tcp(let address, _):
            names.formUnion(["localhost", "[::1]"])
            names.insert(address.contains(":") ? "[\(address.lowercased())]" : address)
            (acceptsLiterals, acceptsAll) = (["0.0.0.0", "::"].contains(address), false)
        }
        self.names = names
    }

    /// Checks the value of `Host`, or an absolute target's host and port.
    func check(host: String) throws(Problem) {
        guard let name = hostName(host) else {
            throw .badHost("\"\(host)\" is not a host name with an optional port.")
        }
        if acceptsAll || names.contains(name) { return }
        let isIPv4 = isIPv4Literal(name)
        if isIPv4 && name.hasPrefix("127.") { return }
        if acceptsLiterals && (isIPv4 || name.hasPrefix("[")) { return }
        if name.hasSuffix(".localhost") { return }
        throw Problem(
            status: .forbidden,
            code: "host-not-allowed",
            title: "Host not allowed",
            detail: "This service does not go by the name \(name); allow it in its configuration."
        )
    }
}

/// The host without its port, in lower case; nil if it is not well formed (RFC 9110, 7.2).
func hostName(_ host: String) -> String? {
    let bytes = host.utf8
    let nameEnd: String.Index
    if bytes.first == UInt8(ascii: "[") {
        guard let bracket = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
        let inside = bytes[bytes.index(after: bytes.startIndex)..<bracket]
        guard !inside.isEmpty, inside.allSatisfy(isIPv6Byte) else { return nil }
        nameEnd = bytes.index(after: bracket)
    } else {
        nameEnd = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
        guard nameEnd != bytes.startIndex, bytes[..<nameEnd].allSatisfy(isNameByte) else {
            return nil
        }
    }
    let port = bytes[nameEnd...]
    guard port.isEmpty || (port.first == UInt8(ascii: ":") && port.count <= 6),
        port.dropFirst().allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    return host[..<nameEnd].lowercased()
}

private func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
    default: false
    }
}

private func isIPv6Byte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
    case UInt8(ascii: ":"), UInt8(ascii: "."): true
    default: false
    }
}

/// Whether a name without brackets is four numbers, which no name server can have made up.
private func isIPv4Literal(_ name: String) -> Bool {
    let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return parts.count == 4
        && parts.allSatisfy { part in
            part.allSatisfy { (0x30...0x39).contains($0) } && UInt8(Substring(part)) != nil
        }
}

extension Problem {
    /// 400: `Host` is missing, repeated or not well formed.
    static func badHost(_ detail: String) -> Problem {
        Problem(
            status: .badRequest,
            code: "bad-host",
            title: "Bad Host field",
            detail: detail
        )
    }
}
