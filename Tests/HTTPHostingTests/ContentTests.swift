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
        var buffer = ByteBuffer(capacity: 16)
        buffer.append("content")
        let memory = unsafe buffer.memory
        let content = Content(buffer)
        #expect(content.bytes == Array("content".utf8))
        let lent = unsafe content.retained()
        #expect(unsafe lent.start == memory)
        unsafe Content.release(lent.owner)
    }

    /// The library gives back what it was given once its response is sent, also later than all
    /// others let go of it.
    @Test func bytesLiveUntilTheyAreGivenBack() throws {
        var content: Content? = Content([1, 2, 3])
        weak let block = content?.block
        let lent = try unsafe #require(content).retained()
        content = nil
        #expect(block != nil)
        let bytes = unsafe UnsafeRawBufferPointer(start: lent.start, count: 3)
        #expect(unsafe Array(bytes) == [1, 2, 3])
        unsafe Content.release(lent.owner)
        #expect(block == nil)
    }

    /// One content in several responses at once, and clients that leave amid the bytes.
    @Test func contentIsSharedAndClientsMayLeave() throws {
        let content = Content([UInt8](repeating: UInt8(ascii: "x"), count: 3_000_000))
        let route = Route(.get, "/bytes") { _, _ throws(Problem) in
            .now(Response(status: .ok, fields: [.contentType: "text/plain"], body: content))
        }
        try withListener([route]) { listener in
            for _ in 0..<4 {
                let leaving = try TestClient(listener.boundAddress)
                leaving.send("GET /bytes HTTP/1.1\r\nHost: localhost\r\n\r\n")
            }
            let staying = try TestClient(listener.boundAddress)
            #expect(try staying.get("/bytes").body.utf8.count == 3_000_000)
            staying.send("HEAD /bytes HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try staying.response(toHead: true).status == 200)
        }
        #expect(content.bytes.allSatisfy { $0 == UInt8(ascii: "x") })
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
