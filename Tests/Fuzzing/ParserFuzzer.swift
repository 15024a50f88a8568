import HTTPHosting
import RelayModel

@testable import ControlPlane

/// Feeds the parsers of untrusted input whatever libFuzzer thinks of; they must neither crash nor
/// disagree with themselves. The first byte chooses the parser.
///
/// Built only by scripts/fuzz.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    // Safe because libFuzzer lends `count` bytes for the call.
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let choice = input.first else { return 0 }
    let bytes = Array(input.dropFirst())
    switch choice % 8 {
    case 0: fuzzDefinition(bytes)
    case 1: fuzzAddresses(String(decoding: bytes, as: UTF8.self))
    case 2: _ = try? ReplyTemplate(String(decoding: bytes, as: UTF8.self))
    case 3: fuzzRequest(String(decoding: bytes, as: UTF8.self))
    case 4: fuzzAccept(String(decoding: bytes, as: UTF8.self))
    case 5: fuzzSelector(String(decoding: bytes, as: UTF8.self))
    case 6: fuzzPatch(bytes)
    default: _ = try? DatagramsBody(decoding: JSONValue(parsing: bytes))
    }
    return 0
}

/// What is accepted is written as JSON that is accepted again and means the same.
private func fuzzDefinition(_ bytes: [UInt8]) {
    guard let value = try? JSONValue(parsing: bytes),
        let definition = try? SessionDefinition(decoding: value)
    else { return }
    var writer = JSONWriter()
    writer.beginObject()
    writer.members(of: definition)
    writer.endObject()
    do {
        let again = try SessionDefinition(decoding: JSONValue(parsing: writer.bytes))
        precondition(again == definition, "the round trip changed the definition")
    } catch {
        preconditionFailure("the service refuses what it wrote: \(error)")
    }
}

/// What is accepted prints as text that parses to the same value.
private func fuzzAddresses(_ text: String) {
    if let address = IPAddress(text) { precondition(IPAddress(address.description) == address) }
    if let block = CIDRBlock(text) { precondition(CIDRBlock(block.description) == block) }
    if let selector = InterfaceSelector(text) {
        precondition(InterfaceSelector(selector.description) == selector)
    }
    if let name = SessionName(text) { precondition(name.description == text) }
    if let id = SessionID(text) { precondition(SessionID(id.description) == id) }
}

/// Whatever the field says, weights are what RFC 9110 allows and there is a format.
private func fuzzAccept(_ field: String) {
    for range in MediaRange.list(field) { precondition((0...1000).contains(range.weight)) }
    _ = MetricsFormat(accept: field).contentType
}

/// What is accepted prints as text that parses to the same selector, and means the same.
private func fuzzSelector(_ text: String) {
    guard let selector = try? LabelSelector(text) else { return }
    do {
        let again = try LabelSelector(selector.description)
        precondition(again == selector, "the round trip changed the selector")
    } catch {
        preconditionFailure("a selector refuses its own description: \(error)")
    }
    precondition(selector.requirements.count <= LabelSelector.requirementsMax)
    // Labels that are all absent meet exactly the requirements of absence.
    let isOfAbsence = selector.requirements.allSatisfy { requirement in
        switch requirement.condition {
        case .isAbsent, .isNone: true
        case .exists, .isOne: false
        }
    }
    precondition(selector.admits([:]) == isOfAbsence)
}

/// A patch is refused in order, or makes a definition that is as it is written and that the same
/// patch does not change again.
private func fuzzPatch(_ bytes: [UInt8]) {
    let json = """
        {"name":"a","kind":"multicast-receiver","group":"239.1.2.3","port":5004,
        "labels":{"a":"b"},"reply":{"text":"hello"},"allow":["10.0.0.0/8"]}
        """
    guard let before = try? SessionDefinition(decoding: JSONValue(parsing: Array(json.utf8))),
        let patch = try? SessionPatch(parsing: bytes)
    else { return }
    do {
        let after = try patch.applied(to: before)
        let again = try patch.applied(to: after)
        precondition(again == after, "the second time it changed more")
    } catch {
        precondition(error.status == .badRequest || error.status == .conflict)
    }
}

/// A target is taken apart without losing what was sent, and its query read as the handlers do.
private func fuzzRequest(_ target: String) {
    guard let request = try? Request(method: .get, target: target) else { return }
    for text in request.segments + request.query.flatMap({ [$0.name, $0.value] }) {
        precondition(!text.utf8.contains { $0 < 0x20 || $0 == 0x7F }, "a control character")
    }
    guard let query = try? QueryReader(request, allowed: ["limit", "after", "payload"]) else {
        return
    }
    if let limit = try? query.integer("limit", in: 1...1000) { precondition(limit <= 1000) }
    _ = try? query.integer("after", in: 0...UInt64.max)
    _ = try? query.word("payload", ["text"]) { $0 == "text" ? 0 : nil }
}
