import Testing

@testable import HTTPHosting

@Suite struct ContentTests {
    @Test func bytesStayAsTheyAre() {
        let bytes = [UInt8](0...255)
        let content = Content(bytes)
        #expect(content.count == 256 && content.bytes == bytes)
        #expect(content == Content(bytes) && content != [1] && Content([]).count == 0)
    }

    @Test func whatAWriterWroteIsNotCopied() {
        var writer = JSONWriter(capacity: 16)
        writer.beginArray()
        for number in 0..<1000 { writer.value(number) }
        writer.endArray()
        let bytes = writer.bytes
        let content = writer.content()
        #expect(content.bytes == bytes)
    }

    /// The library gives back what it was given once its response is sent, also later than all
    /// others let go of it.
    @Test func bytesLiveUntilTheyAreGivenBack() {
        var content: Content? = [1, 2, 3]
        guard let lent = unsafe content?.retained() else { return }
        content = nil
        let bytes = unsafe UnsafeRawBufferPointer(start: lent.start, count: 3)
        #expect(unsafe Array(bytes) == [1, 2, 3])
        unsafe Content.release(lent.owner)
    }

    /// Several megabytes, and an empty body, over a real connection.
    @Test(arguments: [0, 1, 3_000_000])
    func everySizeArrives(length: Int) throws {
        let route = Route(.get, "/bytes") { _, _ throws(Problem) in
            .now(
                Response(
                    status: .ok,
                    fields: [.contentType: "text/plain"],
                    body: Content([UInt8](repeating: UInt8(ascii: "x"), count: length))
                )
            )
        }
        try withListener([route]) { listener in
            let client = try TestClient(listener.boundAddress)
            for _ in 0..<3 {
                #expect(try client.get("/bytes").body == String(repeating: "x", count: length))
            }
        }
    }
}
