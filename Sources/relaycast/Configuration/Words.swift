import ControlPlane

/// Reads the values of settings from the words they are written in.
enum Words {
    /// IP addresses with ports; the one word `none` is no address at all.
    static func listenAddresses(_ words: [String]) throws(Refusal) -> [ListenAddress] {
        if words == ["none"] { return [] }
        var addresses: [ListenAddress] = []
        for word in words {
            guard let address = ListenAddress(hostAndPort: word), address.isLiteral,
                case .tcp(let host, let port) = address
            else {
                throw Refusal(
                    value: word,
                    reason: "is not ADDRESS:PORT with an IP address, such as 127.0.0.1:8080 or "
                        + "[::1]:8080"
                )
            }
            guard port == 0 || !addresses.contains(.tcp(address: host, port: port)) else {
                throw Refusal(value: word, reason: "is there twice")
            }
            addresses.append(.tcp(address: host, port: port))
        }
        return addresses
    }

    /// A path with at most so many bytes.
    static func path(_ words: [String], bytesMax: Int) throws(Refusal) -> String {
        let word = words.joined()
        guard (1...bytesMax).contains(word.utf8.count), !word.utf8.contains(0) else {
            throw Refusal(value: word, reason: "is not a path of 1 to \(bytesMax) bytes")
        }
        return word
    }

    /// Host names (RFC 1123, 2.1) in lower case.
    static func hostNames(_ words: [String]) throws(Refusal) -> Set<String> {
        var names: Set<String> = []
        for word in words {
            let isName =
                (1...253).contains(word.utf8.count)
                && word.split(separator: ".", omittingEmptySubsequences: false).allSatisfy {
                    (1...63).contains($0.utf8.count) && !$0.hasPrefix("-") && !$0.hasSuffix("-")
                        && $0.allSatisfy {
                            $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_")
                        }
                }
            guard isName else {
                throw Refusal(value: word, reason: "is not a host name without a port")
            }
            names.insert(word.lowercased())
        }
        return names
    }

    /// So many IP addresses of hosts at most.
    static func hostAddresses(_ words: [String], countMax: Int) throws(Refusal) -> Set<IPAddress> {
        var addresses: Set<IPAddress> = []
        for word in words {
            guard let address = IPAddress(word), address.isUnicast else {
                throw Refusal(value: word, reason: "is not the IP address of a host")
            }
            // No datagram has such an address: sockets of one family are used, never of both.
            if let plain = address.mappedIPv4 {
                throw Refusal(value: word, reason: "is an IPv4-mapped address; write \(plain)")
            }
            addresses.insert(address)
            guard addresses.count <= countMax else {
                throw Refusal(value: word, reason: "is one more than \(countMax)")
            }
        }
        return addresses
    }

    /// One of an enumeration's names.
    static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ words: [String]
    ) throws(Refusal) -> Choice {
        let word = words.joined()
        guard let choice = Choice(rawValue: word) else {
            throw Refusal(value: word, reason: "is not \(alternatives(Choice.self))")
        }
        return choice
    }

    /// A decimal integer, with only digits, in a range.
    static func integer(_ words: [String], in range: ClosedRange<Int>) throws(Refusal) -> Int {
        let word = words.joined()
        guard word.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(word),
            range.contains(value)
        else {
            throw Refusal(
                value: word,
                reason: "is not an integer from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return value
    }

    /// `trace, debug or info`.
    static func alternatives<Choice: RawRepresentable<String> & CaseIterable>(
        _ type: Choice.Type
    ) -> String {
        let names = type.allCases.map(\.rawValue)
        return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    }

    /// A TCP address as it would be configured.
    static func describe(_ address: ListenAddress) -> String {
        "\(address)".replacing("http://", with: "")
    }

    /// A list for people.
    static func joined(_ words: [String]) -> String {
        words.isEmpty ? "none" : words.joined(separator: ", ")
    }

    /// `true` or `false`.
    static func boolean(_ words: [String]) throws(Refusal) -> Bool {
        let word = words.joined()
        guard let flag = Bool(word) else {
            throw Refusal(value: word, reason: "is not true or false")
        }
        return flag
    }

    /// Exact origins (RFC 6454, 6.2) in lower case: scheme, host, and port unless it is the
    /// scheme's own.
    static func origins(_ words: [String]) throws(Refusal) -> Set<String> {
        var origins: Set<String> = []
        for word in words {
            let origin = word.lowercased()
            let schemes = ["http://", "https://"]
            guard let scheme = schemes.first(where: { origin.hasPrefix($0) }),
                isHostAndPort(origin.dropFirst(scheme.count))
            else {
                throw Refusal(
                    value: word,
                    reason: "is not an origin such as https://dashboard.example:8443, which has "
                        + "no path; there is no wildcard"
                )
            }
            origins.insert(origin)
        }
        return origins
    }

    private static func isHostAndPort(_ text: Substring) -> Bool {
        var host = text
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") {
            let port = text[text.index(after: colon)...]
            guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                UInt16(port).map({ $0 > 0 }) == true
            else { return false }
            host = text[..<colon]
        }
        if host.hasPrefix("[") && host.hasSuffix("]") {
            return ListenAddress(hostAndPort: "\(host):1")?.isLiteral == true
        }
        return (try? hostNames([String(host)])) != nil
    }
}
