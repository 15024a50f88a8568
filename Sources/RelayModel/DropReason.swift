/// Why a received datagram was not accepted; every discarded datagram has exactly one reason.
package enum DropReason: UInt8, Sendable, CaseIterable {
    /// Its source address is denied, or not allowed.
    case source = 0
    /// Its source port is not the required one.
    case sourcePort = 1
    /// Its destination class is not accepted.
    case destinationClass = 2
    /// The session itself sent it.
    case own = 3
    /// It came in by another interface than the session's, is unicast for an address of another one
    /// (`HostModel`), or came in by one that the operator's policy forbids.
    case interface = 4
    /// A rate limit of the session.
    case rate = 5
    /// It was relayed in a circle.
    case loop = 6
    /// It came without the control messages that say where it was sent to.
    case malformed = 7

    /// The word for it in JSON, where one packet is described.
    package var word: String {
        switch self {
        case .sourcePort: "source-port"
        case .destinationClass: "destination-class"
        default: name
        }
    }

    /// The key in JSON, where packets are counted.
    package var name: String { key.description }

    /// `name` as a literal, which costs less to write.
    package var key: StaticString {
        switch self {
        case .source: "source"
        case .sourcePort: "sourcePort"
        case .destinationClass: "destinationClass"
        case .own: "own"
        case .interface: "interface"
        case .rate: "rate"
        case .loop: "loop"
        case .malformed: "malformed"
        }
    }
}
