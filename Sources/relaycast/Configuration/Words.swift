import ControlPlane

/// Reads the values of settings from the words they are written in.
enum Words {
    /// Loopback addresses with ports; the one word `none` is no address at all.
    static func listenAddresses(_ words: [String]) throws(Refusal) -> [ListenAddress] {
        if words == ["none"] { return [] }
        var addresses: [ListenAddress] = []
        for word in words {
            guard case .tcp(let host, let port)? = ListenAddress(hostAndPort: word) else {
                throw Refusal(
                    value: word,
                    reason: "is not ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080"
                )
            }
            guard isLoopback(host) else {
                throw Refusal(
                    value: word,
                    reason: "is not on the loopback interface; as long as there are neither "
                        + "tokens nor TLS, only 127.0.0.0/8, [::1] and a unix socket may be "
                        + "served on"
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

    /// Whether a literal address is 127.0.0.0/8 (RFC 1122, 3.2.1.3) or ::1 (RFC 4291, 2.5.3).
    private static func isLoopback(_ literal: String) -> Bool {
        if literal == "::1" { return true }
        let parts = literal.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in UInt8(part).map { "\($0)" == part } ?? false }
    }
}
