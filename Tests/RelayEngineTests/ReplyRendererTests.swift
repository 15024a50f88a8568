import RelayModel
import Testing

@testable import RelayEngine

@Suite struct ReplyRendererTests {
    @Test func textAndBytesAreSentAsTheyAre() {
        #expect(render(.text("grüß {hostname}")) == Array("grüß {hostname}".utf8))
        #expect(render(.bytes([0, 255, 10])) == [0, 255, 10])
        #expect(render(.text("")) == [])
    }

    @Test(arguments: [
        ("{hostname}", "host-a"), ("{source.address}", "127.0.0.9"), ("{source.port}", "4000"),
        ("{destination.address}", "239.255.1.1"), ("{interface}", "lo"), ("{length}", "1316"),
        ("{sequence}", "18446744073709551615"), ("{{{length}}}", "{1316}"), ("", ""),
        ("a{length}b{length}c", "a1316b1316c"),
    ])
    func placeholdersStandForTheDatagram(source: String, expected: String) throws {
        let template = try ReplyTemplate(source)
        #expect(render(.template(template)) == Array(expected.utf8))
    }

    @Test func anUnknownDestinationIsEmpty() throws {
        let template = try ReplyTemplate("<{destination.address}>")
        #expect(render(.template(template), destination: nil) == Array("<>".utf8))
    }

    @Test func renderingsDoNotRunIntoEachOther() throws {
        var renderer = ReplyRenderer(.template(try ReplyTemplate("{length};")), hostname: "h")
        let first = renderer.render(context(length: 10))
        let second = renderer.render(context(length: 7))
        #expect(first == Array("10;".utf8) && second == Array("7;".utf8))
    }

    @Test func theLongestTemplateFitsInADatagram() throws {
        let count = ReplyTemplate.bytesMax / "{hostname}".utf8.count
        let template = try ReplyTemplate(String(repeating: "{hostname}", count: count))
        var renderer = ReplyRenderer(
            .template(template),
            hostname: String(repeating: "h", count: 64)
        )
        let rendered = renderer.render(context(length: 1))
        #expect(rendered.count <= DefinitionLimits.datagramBytesMax)
    }

    private func render(
        _ content: Reply.Content,
        destination: IPAddress? = IPAddress(ipv4: 0xEFFF_0101)
    ) -> [UInt8] {
        var renderer = ReplyRenderer(content, hostname: "host-a")
        return renderer.render(context(length: 1316, destination: destination))
    }

    private func context(
        length: Int,
        destination: IPAddress? = nil
    ) -> ReplyRenderer.Context {
        ReplyRenderer.Context(
            source: Endpoint(address("127.0.0.9"), port: 4000),
            destination: destination,
            interface: "lo",
            length: length,
            sequence: .max
        )
    }
}
