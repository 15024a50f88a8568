/// How a definition names a network interface: by its name, or by an address it carries.
package enum InterfaceSelector: Hashable, Sendable {
    /// 1–15 bytes without `/` or white space (`IFNAMSIZ`, netdevice(7)).
    case name(String)
    case address(IPAddress)

    /// Parses an address or a name; nil when it can be neither.
    package init?(_ text: String) {
        if let address = IPAddress(text) {
            self = .address(address)
        } else if Self.isName(text) {
            self = .name(text)
        } else {
            return nil
        }
    }

    private static func isName(_ text: String) -> Bool {
        (1...15).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy {
                (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":")
            }
    }
}

extension InterfaceSelector: CustomStringConvertible {
    package var description: String {
        switch self {
        case .name(let name): name
        case .address(let address): address.description
        }
    }
}
