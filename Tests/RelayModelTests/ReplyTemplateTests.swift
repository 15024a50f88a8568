import Testing

@testable import RelayModel

/// Reading reply templates.
@Suite struct ReplyTemplateTests {
    private func literal(_ text: String) -> ReplyTemplate.Segment { .literal(Array(text.utf8)) }

    @Test func everyPlaceholderIsKnownByItsName() throws {
        let names = [
            "hostname", "source.address", "source.port", "destination.address", "interface",
            "length", "sequence",
        ]
        let template = try ReplyTemplate(names.map { "{\($0)}" }.joined())
        #expect(template.segments == ReplyTemplate.Placeholder.allCases.map { .placeholder($0) })
        #expect(ReplyTemplate.Placeholder.allCases.map(\.rawValue) == names)
    }

    @Test func literalsAndPlaceholdersKeepTheirOrder() throws {
        let template = try ReplyTemplate("héllo {source.address}:{source.port}\n")
        #expect(
            template.segments == [
                literal("héllo "), .placeholder(.sourceAddress), literal(":"),
                .placeholder(.sourcePort), literal("\n"),
            ]
        )
    }

    @Test(arguments: [
        ("{{", "{"), ("}}", "}"), ("{{}}", "{}"), ("{{hostname}}", "{hostname}"), ("a{{b", "a{b"),
        ("}}{{", "}{"), ("{{{{", "{{"),
    ])
    func doubledBracesAreLiteral(source: String, rendered: String) throws {
        #expect(try ReplyTemplate(source).segments == [literal(rendered)])
    }

    @Test func aPlaceholderMayStandInLiteralBraces() throws {
        #expect(
            try ReplyTemplate("{{{length}}}").segments
                == [literal("{"), .placeholder(.length), literal("}")]
        )
    }

    @Test func anEmptyTemplateRendersToNothing() throws {
        #expect(try ReplyTemplate("").segments == [])
    }

    @Test(arguments: [
        "{", "}", "a{", "a}", "{{{", "}}}", "{{}", "{}}}", "{hostname", "{length}}", "{{length}",
    ])
    func aBraceWithoutPartnerIsRefused(source: String) {
        let error = #expect(throws: ReplyTemplateError.self) { try ReplyTemplate(source) }
        switch error {
        case .unbalanced: break
        // `{}` comes first in `{}}}`.
        case .unknown(""): #expect(source == "{}}}")
        default: Issue.record("\(error as Any)")
        }
    }

    @Test(arguments: [
        "", "Hostname", "HOSTNAME", " hostname", "hostname ", "source", "source.", "payload", "é",
        "a{{b",
    ])
    func anUnknownPlaceholderIsRefusedByName(name: String) {
        let error = #expect(throws: ReplyTemplateError.unknown(name)) {
            try ReplyTemplate("x{\(name)}")
        }
        #expect(error?.description.contains("{\(name)}") == true)
    }

    @Test func atMost8192BytesAreTaken() throws {
        let longest = String(repeating: "é", count: 4096)
        #expect(try ReplyTemplate(longest).segments == [literal(longest)])
        #expect(throws: ReplyTemplateError.tooLong) { try ReplyTemplate(longest + "x") }
        #expect(throws: ReplyTemplateError.tooLong) {
            try ReplyTemplate(String(repeating: "x", count: 8193))
        }
    }

    /// The longest text of each placeholder, in bytes, times as many as fit in a template.
    @Test func theLongestRenderingFitsInADatagram() {
        let longest: [ReplyTemplate.Placeholder: Int] = [
            .hostname: 64, .sourceAddress: 45, .sourcePort: 5, .destinationAddress: 45,
            .interface: 15, .length: 5, .sequence: 20,
        ]
        for placeholder in ReplyTemplate.Placeholder.allCases {
            let count = ReplyTemplate.bytesMax / (placeholder.rawValue.utf8.count + 2)
            let rendering = count * (longest[placeholder] ?? .max)
            #expect(rendering <= DefinitionLimits.datagramBytesMax, "\(placeholder)")
        }
    }
}
