import Testing

@testable import HTTPHosting

@Suite struct FramingTests {
    /// Each is followed by what a smuggler would have served as a second request.
    @Test(arguments: [
        ("two lengths", "PUT /items/x", "Content-Length: 1\r\nContent-Length: 2\r\n", 400),
        ("same length twice", "PUT /items/x", "Content-Length: 1\r\nContent-Length: 1\r\n", 400),
        (
            "length and coding", "PUT /items/x",
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", 400
        ),
        (
            "coding and length", "PUT /items/x",
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", 400
        ),
        ("space before colon", "PUT /items/x", "Content-Length : 4\r\n", 400),
        ("unknown coding", "PUT /items/x", "Transfer-Encoding: gzip\r\n", 501),
        ("coding list", "PUT /items/x", "Transfer-Encoding: gzip, chunked\r\n", 501),
        (
            "coding twice", "PUT /items/x",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400
        ),
        ("bad name", "GET /hello", "Bad(Name): x\r\n", 400),
        ("space in name", "GET /hello", "Bad Name: x\r\n", 400),
        ("control byte in value", "GET /hello", "Name: a\u{1}b\r\n", 400),
        ("delete in value", "GET /hello", "Name: a\u{7F}b\r\n", 400),
        ("second host", "GET /hello", "Host: localhost\r\n", 400),
        ("encoded nul", "GET /hello%00", "", 400),
        ("encoded line feed", "GET /hello%0A", "", 400),
        ("space in target", "GET /hel lo", "", 400),
        ("fragment", "GET /hello#x", "", 400),
        ("not a target", "GET hello", "", 400),
        ("bad method", "G(T /hello", "", 400),
    ])
    func ambiguityIsAnsweredOnceAndClosed(
        name: String,
        start: String,
        fields: String,
        status: Int
    ) throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            let smuggled = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
            client.send("\(start) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n" + smuggled)
            let all = client.readToEnd()
            #expect(all.hasPrefix("HTTP/1.1 \(status) "), "\(name): \(all)")
            #expect(all.ranges(of: "HTTP/1.").count == 1, "\(name): \(all)")
            #expect(!all.contains("200 OK"))
        }
    }

    /// The library itself refuses these, before the listener hears of them. It sends the header
    /// block twice, so what a client takes for the body is noise; the connection ends all the same.
    @Test(arguments: [
        ("4x", 400), ("+4", 400), ("-4", 400), ("4, 4", 400), ("4 4", 400), ("0x4", 400), ("", 400),
        ("99999999999999999999999", 413),
    ])
    func lengthThatIsNoNumberIsRefusedAndClosed(length: String, status: Int) throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("PUT /items/x HTTP/1.1\r\nHost: localhost\r\n")
            client.send("Content-Length: \(length)\r\n\r\nGET /hello HTTP/1.1\r\n")
            client.send("Host: localhost\r\n\r\n")
            let response = try client.response()
            #expect(response.status == status && response.fields["connection"] == "close")
            #expect(!client.readToEnd().contains("200 OK"))
        }
    }

    @Test func lengthBeyondAnythingIsTooLarge() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("POST /ignores HTTP/1.1\r\nHost: localhost\r\n")
            client.send("Content-Length: 18446744073709551614\r\n\r\n")
            #expect(try client.response().status == 413)
        }
    }

    @Test func missingHostIsBadHost() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("GET /hello HTTP/1.1\r\n\r\n")
            let response = try client.response()
            #expect(response.status == 400 && response.code == "bad-host")
            #expect(response.fields["request-id"] != nil)
            #expect(client.readToEnd().isEmpty)
        }
    }

    @Test func codesTellHostFromFraming() throws {
        try withListener { listener in
            for (fields, code) in [
                ("Host: a\r\n", "bad-host"), ("Na(me: x\r\n", "bad-framing"),
                ("Transfer-Encoding: gzip\r\n", "not-implemented"),
            ] {
                let client = try TestClient(listener.boundAddress)
                #expect(try client.get("/hello", fields: fields).code == code)
            }
        }
    }

    @Test(arguments: [
        ("localhost", 200), ("LOCALHOST:8080", 200), ("127.0.0.1", 200), ("127.9.9.9:1", 200),
        ("[::1]:8080", 200), ("relay.example", 200), ("Relay.Example:443", 200),
        ("a.localhost", 200), ("evil.example", 403), ("10.0.0.1", 403), ("[fe80::1]", 403),
        ("127.evil.example", 403), ("127.0.0.1.evil.example", 403), ("localhost.", 403),
        ("", 400), ("a b", 400), ("a/b", 400), ("user@localhost", 400), ("localhost:x", 400),
        ("[::1", 400), ("localhost:123456", 400),
    ])
    func hostIsHeldAgainstTheList(host: String, status: Int) throws {
        try withListener(sampleRoutes, local { $0.allowedHosts = ["relay.EXAMPLE"] }) { listener in
            let client = try TestClient(listener.boundAddress)
            client.send("GET /hello HTTP/1.1\r\nHost: \(host)\r\n\r\n")
            let response = try client.response()
            #expect(response.status == status)
            if status == 403 { #expect(response.code == "host-not-allowed") }
            if status == 400 { #expect(response.code == "bad-host") }
        }
    }

    @Test func absoluteTargetsHostCounts() throws {
        try withListener { listener in
            let client = try TestClient(listener.boundAddress)
            #expect(try client.get("http://evil.example/hello").status == 403)
        }
    }

    @Test func wildcardListenerAnswersToEveryLiteral() throws {
        let configure = { (configuration: inout ListenerConfiguration) in
            configuration.address = .tcp(address: "0.0.0.0", port: 0)
        }
        try withListener(sampleRoutes, local(configure)) { listener in
            guard case .tcp(_, let port) = listener.boundAddress else { return }
            let address = ListenAddress.tcp(address: "127.0.0.1", port: port)
            for (host, status) in [("10.0.0.1", 200), ("[fe80::1]", 200), ("evil.example", 403)] {
                let client = try TestClient(address)
                client.send("GET /hello HTTP/1.1\r\nHost: \(host)\r\n\r\n")
                #expect(try client.response().status == status)
            }
        }
    }

    @Test(arguments: [
        ("Origin: http://localhost\r\n", 200), ("Origin: https://LOCALHOST\r\n", 200),
        ("Origin: http://localhost:81\r\n", 403), ("Origin: http://evil.example\r\n", 403),
        ("Origin: null\r\n", 403), ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: same-origin\r\n", 200), ("Sec-Fetch-Site: none\r\n", 200),
        ("Sec-Fetch-Site: same-site\r\n", 403), ("Sec-Fetch-Site: x\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", 403),
        ("Sec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n", 403),
        ("Origin: http://localhost\r\nSec-Fetch-Site: cross-site\r\n", 403),
        ("Origin: http://localhost\r\nOrigin: http://evil.example\r\n", 403),
        ("Origin: http://localhost\r\nOrigin: http://localhost\r\n", 403),
    ])
    func pagesFromElsewhereAreRefused(fields: String, status: Int) throws {
        try withListener { listener in
            let response = try TestClient(listener.boundAddress).get("/hello", fields: fields)
            #expect(response.status == status)
            if status == 403 { #expect(response.code == "origin-not-allowed") }
        }
    }
}
