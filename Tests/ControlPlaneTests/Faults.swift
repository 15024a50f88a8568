import Testing

@testable import ControlPlane
@testable import RelayModel

/// What is wrong with a body, as a client is told.
struct Faults: Equatable, CustomStringConvertible {
    let code: String
    /// JSON pointers of the faults, sorted.
    let pointers: [String]

    init(_ code: String, _ pointers: String...) {
        self.code = code
        self.pointers = pointers.sorted()
    }

    init(_ problem: Problem) {
        code = problem.code
        pointers = problem.errors.map(\.pointer).sorted()
    }

    var description: String { "\(code) \(pointers)" }
}

/// Reads a definition from JSON text.
func decode(_ text: String) throws(Problem) -> SessionDefinition {
    try SessionDefinition(decoding: JSONValue(parsing: Array(text.utf8)))
}

/// The faults of a definition; nil when it has none.
func faults(in text: String) -> Faults? {
    do throws(Problem) {
        _ = try decode(text)
        return nil
    } catch {
        return Faults(error)
    }
}

/// The least a definition of each kind and role needs, as the inside of an object.
enum Minimal {
    static let sender = #""kind":"multicast-sender","group":"239.1.2.3","port":5004"#
    static let receiver = #""kind":"multicast-receiver","group":"239.1.2.3","port":5004"#
    static let peer = #""kind":"multicast-peer","group":"239.1.2.3","port":5004"#
    static let broadcast = #""kind":"broadcast","port":5004"#
    static let broadcastSender = #""kind":"broadcast","role":"sender","port":5004"#
    static let broadcastReceiver = #""kind":"broadcast","role":"receiver","port":5004"#
    static let all = [sender, receiver, peer, broadcast, broadcastSender, broadcastReceiver]
}

/// A JSON string literal for ASCII text.
func quoted(_ text: String) -> String { "\"\(text)\"" }

/// The inside of a definition of a sender on the loopback interface, whose local port nobody else
/// can have while it runs; 0 lets the kernel choose.
func loopbackSender(_ name: String, localPort: Int) -> String {
    #""name":"\#(name)","kind":"multicast-sender","group":"239.255.8.1","port":9,"#
        + #""interface":"lo","localPort":\#(localPort)"#
}
