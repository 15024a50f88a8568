import Testing

@testable import RelayModel

/// Names and identifiers of sessions.
@Suite struct SessionIdentityTests {
    @Test(arguments: [
        "a", "0", "9z", "cam1", "a.b_c-d", "a..b", "0-0", String(repeating: "a", count: 63),
        "a" + String(repeating: "-", count: 61) + "z",
    ])
    func aNameKeepsItsText(text: String) throws {
        #expect(try #require(SessionName(text)).description == text)
    }

    @Test(arguments: [
        "", "-", ".", "_", "a-", "-a", "a.", ".a", "a_", "_a", "A", "aB", "a b", "a\n", "a/b", "é",
        "aé",
        "a\u{301}b", "a\0", "a%20b", "K", String(repeating: "a", count: 64),
    ])
    func anythingElseIsNoName(text: String) {
        #expect(SessionName(text) == nil)
    }

    @Test(arguments: [
        ("a", true), ("a-", true), ("0._", true), (String(repeating: "a", count: 62) + "-", true),
        ("", false), ("-", false), ("A", false), ("a b", false), ("é", false),
        (String(repeating: "a", count: 64), false),
    ])
    func aNameCanBeginWithAnythingThatCouldGoOn(text: String, isBeginning: Bool) {
        #expect(SessionName.isPrefix(text) == isBeginning)
    }

    @Test func namesAreOrderedByTheirBytes() throws {
        let texts = ["-", ".", "0", "9", "_", "a", "z"].map { "a\($0)b" }
        let names = try texts.map { try #require(SessionName($0)) }
        #expect(names.shuffled().sorted() == names)
        #expect(try #require(SessionName("a")) < #require(SessionName("a0")))
    }

    @Test(arguments: SessionKind.allCases)
    func aGeneratedNameBeginsWithTheKind(kind: SessionKind) {
        let names = (0..<100).map { _ in SessionName.generated(for: kind).description }
        let prefix = "\(kind.rawValue)-"
        #expect(names.allSatisfy { $0.hasPrefix(prefix) && $0.utf8.count == prefix.utf8.count + 8 })
        #expect(Set(names).count > 90)
    }

    @Test(arguments: [0, 1, 1_645_557_742_000, 9_223_372_036_854] as [Int64])
    func anIdentifierIsAUUIDOfVersion7(milliseconds: Int64) throws {
        let id = SessionID(createdAt: Timestamp(nanoseconds: milliseconds * 1_000_000 + 999))
        #expect(id.high >> 16 == UInt64(milliseconds))
        #expect(id.high >> 12 & 0xF == 7, "version, RFC 9562 section 4.2")
        #expect(id.low >> 62 == 0b10, "variant, RFC 9562 section 4.1")
        let text = id.description
        #expect(text.split(separator: "-").map(\.count) == [8, 4, 4, 4, 12])
        #expect(Array(text)[14] == "7" && "89ab".contains(Array(text)[19]))
    }

    @Test func aTimeBefore1970CountsAs1970() {
        let id = SessionID(createdAt: Timestamp(nanoseconds: -1))
        #expect(id.high >> 16 == 0)
        #expect(SessionID(createdAt: Timestamp(nanoseconds: .min)).high >> 16 == 0)
    }

    @Test func identifiersSortByTheMillisecondOfCreation() {
        let start: Int64 = 1_764_000_000_000_000_000
        let texts = (0..<1000).map { index in
            SessionID(createdAt: Timestamp(nanoseconds: start + index * 1_000_000)).description
        }
        #expect(texts == texts.sorted())
    }

    @Test func identifiersOfOneMomentDiffer() {
        let ids = (0..<10_000).map { _ in SessionID(createdAt: Timestamp(nanoseconds: 1)) }
        #expect(Set(ids).count == 10_000)
    }

    @Test func anIdentifierIsReadBackInEitherCase() throws {
        for _ in 0..<1000 {
            let id = SessionID(createdAt: Timestamp(nanoseconds: 1_764_000_000_000_000_000))
            #expect(SessionID(id.description) == id)
            #expect(SessionID(id.description.uppercased()) == id)
        }
        let known = try #require(SessionID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"))
        #expect(known.high == 0x017F_22E2_79B0_7CC3 && known.low == 0x98C4_DC0C_0C07_398F)
        #expect(known.description == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    }

    @Test(arguments: [
        "", "-", "----", "017f22e279b07cc398c4dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", "017f22e2-79b0-7cc3-98c4dc0c-0c07398f",
        "+17f22e2-79b0-7cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-+8c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f-",
        "017f22e2_79b0_7cc3_98c4_dc0c0c07398f",
    ])
    func anythingElseIsNoIdentifier(text: String) {
        #expect(SessionID(text) == nil)
    }
}
