import RelayModel

@testable import RelayEngine

/// A relay on 127.0.0.1 with one responder, or another port.
func withMappedRelay(
    _ mapping: ReplyMapping = ReplyMapping(),
    port: UInt16? = nil,
    chaos: Chaos? = nil,
    limits: TrafficLimits? = nil,
    _ body: (RelaySession, TestSocket, UInt16, RelayEngine) throws -> Void
) throws {
    let responder = try TestSocket()
    var target = mapped(port ?? responder.port, mapping)
    target.chaos = chaos
    let change = { (definition: inout SessionDefinition) in
        definition.forward = [target]
        definition.limits = limits
    }
    try withRelay(0, change: change) { session, _, receiver, engine in
        try body(session, responder, receiver, engine)
    }
}

func withMappedRelay(
    _ mapping: ReplyMapping = ReplyMapping(),
    port: UInt16? = nil,
    chaos: Chaos? = nil,
    limits: TrafficLimits? = nil,
    _ body: (RelaySession, TestSocket, UInt16) throws -> Void
) throws {
    try withMappedRelay(mapping, port: port, chaos: chaos, limits: limits) {
        session,
        responder,
        receiver,
        _ in
        try body(session, responder, receiver)
    }
}
