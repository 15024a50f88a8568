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
    switch choice % 6 {
    case 0: fuzzDefinition(bytes)
    case 1: fuzzAddresses(String(decoding: bytes, as: UTF8.self))
    case 2: _ = try? ReplyTemplate(String(decoding: bytes, as: UTF8.self))
    case 3: fuzzRequest(String(decoding: bytes, as: UTF8.self))
    case 4: fuzzAccept(String(decoding: bytes, as: UTF8.self))
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

private func fuzzRequest(_ target: String) {
    guard let request = try? Request(method: .get, target: target) else { return }
    _ = try? QueryReader(request, allowed: ["limit", "after"]).integer("limit", in: 1...1000)
}
