import RelayEngine
import RelayModel

@testable import ControlPlane
@testable import HTTPHosting

/// A client of a stream that reads when the test says so, and goes away with the value; there is no
/// connection.
final class EventStream {
    let stream: ResponseStream

    init(pendingBytesMax: Int = RelayService.streamPendingBytesMax) {
        stream = ResponseStream(
            first: [],
            timer: ConnectionTimer(descriptor: -1, deadlineNanoseconds: .max),
            reaper: DeadlineReaper(connectionsMax: 1),
            pendingBytesMax: pendingBytesMax,
            stallSeconds: 30
        )
    }

    deinit { close() }

    /// Everything that was sent and not yet read.
    func read() -> String {
        var bytes: [UInt8] = []
        while stream.pendingBytes > 0 {
            // Safe because the connection is used only when there is nothing to read.
            let nobody = unsafe LibraryConnection(OpaquePointer(bitPattern: 16)!)
            _ = stream.read(65_536, for: nobody) { piece in
                for index in piece.indices { bytes.append(piece[index]) }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The names of the events that were not yet read.
    func readNames() -> [String] {
        read().split(separator: "\n").filter { $0.hasPrefix("event: ") }
            .map { String($0.dropFirst(7)) }
    }

    /// Whether nothing is accepted any more.
    var isEnded: Bool { if case .ended = stream.send([]) { true } else { false } }

    /// The client goes away.
    func close() { _ = stream.finish() }
}

/// A GET as it reaches a route.
func watchRequest(_ target: String = "/v1/events") throws -> Request {
    try Request(method: .get, target: target)
}

/// A session that does not run.
func idleSession(
    _ name: String,
    labels: [String: String] = [:],
    annotations: [String: String] = [:]
) throws -> ManagedSession {
    let name = SessionName(name) ?? SessionName.generated(for: .broadcast)
    var definition = SessionDefinition(name: name, kind: .broadcast, port: 9)
    definition.enabled = false
    definition.labels = labels
    definition.annotations = annotations
    return ManagedSession(creating: definition, origin: .api)
}
