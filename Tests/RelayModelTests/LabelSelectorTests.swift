import Testing

@testable import RelayModel

/// Label selectors: what they admit, and what is none.
@Suite struct LabelSelectorTests {
    private static let labels = ["env": "prod", "role": "edge", "site": "a", "empty": ""]

    @Test(arguments: [
        "env=prod", "env==prod", " env = prod ", "env!=test", "absent!=test", "env in (test,prod)",
        "env in ( prod )", "env notin (test,stage)", "absent notin (test)", "env", "!absent",
        "! absent", "empty=", "empty in ()", "empty in (,x)",
        "env=prod,role=edge,site in (a,b),!no",
        "in!=x", "notin!=x",
    ])
    func whatMeetsEveryRequirementIsAdmitted(text: String) throws {
        #expect(try LabelSelector(text).admits(Self.labels))
    }

    @Test(arguments: [
        "env=test", "env!=prod", "env in (test,stage)", "env notin (prod)", "absent", "!env",
        "absent=x", "absent in (x)", "absent=", "env=prod,role=core", "env=PROD", "in", "notin=x",
    ])
    func whatMissesARequirementIsNot(text: String) throws {
        #expect(try !LabelSelector(text).admits(Self.labels))
    }

    @Test(arguments: [
        ("", LabelSelectorError.empty), ("  ", .empty),
        ("env=prod,", .unexpected(expected: "a label's key", found: "its end")),
        (",env", .unexpected(expected: "a label's key", found: "\",\"")),
        ("=prod", .unexpected(expected: "a label's key", found: "\"=\"")),
        ("!", .unexpected(expected: "a label's key", found: "its end")),
        ("!!env", .unexpected(expected: "a label's key", found: "\"!\"")),
        ("env prod", .unexpected(expected: "a comma, an operator or the end", found: "\"prod\"")),
        ("env=a=b", .unexpected(expected: "a comma, an operator or the end", found: "\"=\"")),
        ("env in a", .unexpected(expected: "an opening parenthesis", found: "\"a\"")),
        ("env in (a", .unexpected(expected: "a comma or a closing parenthesis", found: "its end")),
        ("env in (a b)", .unexpected(expected: "a comma or a closing parenthesis", found: "\"b\"")),
        ("-env", .key("-env")), ("env-", .key("env-")), ("é", .key("é")),
        ("env=a/b", .value("a/b")), ("env=\u{0}", .value("\u{0}")), ("env>1", .key("env>1")),
    ])
    func whatIsNoSelectorIsRefused(text: String, error: LabelSelectorError) {
        #expect(throws: error) { try LabelSelector(text) }
    }

    @Test func limitsHoldAtTheirBorders() throws {
        let many = Array(repeating: "a", count: LabelSelector.requirementsMax)
        _ = try LabelSelector(many.joined(separator: ","))
        _ = try LabelSelector("k in (" + many.joined(separator: ",") + ")")
        #expect(throws: LabelSelectorError.tooMany) {
            try LabelSelector((many + ["a"]).joined(separator: ","))
        }
        #expect(throws: LabelSelectorError.tooMany) {
            try LabelSelector("k in (" + (many + ["a"]).joined(separator: ",") + ")")
        }
        let spaces = String(repeating: " ", count: LabelSelector.bytesMax - 3)
        _ = try LabelSelector("env" + spaces)
        #expect(throws: LabelSelectorError.tooLong) { try LabelSelector("env " + spaces) }
        let key = String(repeating: "k", count: DefinitionLimits.metadataKeyBytesMax)
        let value = String(repeating: "v", count: DefinitionLimits.labelValueBytesMax)
        _ = try LabelSelector("\(key)=\(value)")
        #expect(throws: LabelSelectorError.key(key + "k")) { try LabelSelector("\(key)k=v") }
        #expect(throws: LabelSelectorError.value(value + "v")) { try LabelSelector("k=\(value)v") }
    }

    @Test(arguments: [
        "env=prod", "env==prod", "a!=b", "a in (b,c)", "a notin (b,c)", "a in (b)", "a in ()",
        "a,!b", "a=,b", "in in (in)", "notin",
    ])
    func itsDescriptionReadsBackAsItself(text: String) throws {
        let selector = try LabelSelector(text)
        #expect(try LabelSelector(selector.description) == selector)
    }
}
