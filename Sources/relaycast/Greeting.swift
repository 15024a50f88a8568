import ControlPlane

/// What the daemon prints once it serves.
enum Greeting {
    /// The addresses, and a first request for the first of them.
    static func text(
        for addresses: [ListenAddress],
        isTLS: Bool = false,
        needsToken: Bool = false
    ) -> String {
        var text = ""
        for address in addresses {
            text += "Relaycast \(ServiceOptions.version) serves \(address.url(isTLS: isTLS))\n"
        }
        let field = needsToken ? "-H 'Authorization: Bearer SECRET' " : ""
        switch addresses.first {
        case .unix(let path):
            text += "Try: curl \(field)--unix-socket \(quoted(path)) http://localhost/v1/server\n"
        case .some(let address):
            // Brackets are a range to curl's own globbing.
            let globbing = "\(address)".contains("[") ? "--globoff " : ""
            text += "Try: curl \(field)\(globbing)\(address.url(isTLS: isTLS))/v1/server\n"
        case nil: break
        }
        return text
    }

    /// A word as a POSIX shell reads it back.
    private static func quoted(_ word: String) -> String {
        let plain = word.allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber || "/._-".contains($0))
        }
        return plain ? word : "'" + word.replacing("'", with: #"'\''"#) + "'"
    }
}
