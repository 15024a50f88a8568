import HTTPHosting
import RelayModel

/// The members of a session that never change while it exists, without braces.
struct FixedMembers: Sendable {
    let bytes: [UInt8]
    /// Where the first member ends, which is the name.
    private let nameEnd: Int32
    /// Where the id is, with the comma before it.
    private let idStart: Int32
    private let idEnd: Int32

    init(
        name: SessionName,
        kind: SessionKind,
        id: SessionID,
        origin: SessionOrigin,
        generation: Int,
        createdAt: Timestamp,
        updatedAt: Timestamp,
        definition: SessionDefinition?
    ) {
        var writer = JSONWriter()
        writer.member("name", name.description)
        nameEnd = Int32(writer.count)
        if let definition {
            writer.membersAfterName(of: definition)
        } else {
            writer.member("kind", kind.rawValue)
        }
        idStart = Int32(writer.count)
        writer.member("id", id)
        idEnd = Int32(writer.count)
        writer.member("origin", origin.rawValue)
        writer.member("generation", generation)
        writer.member("createdAt", createdAt)
        writer.member("updatedAt", updatedAt)
        bytes = writer.bytes
    }

    /// Where the session's name is.
    var name: Range<Int> { 0..<Int(nameEnd) }

    /// Where its id is.
    var id: Range<Int> { Int(idStart) + 1..<Int(idEnd) }
}
