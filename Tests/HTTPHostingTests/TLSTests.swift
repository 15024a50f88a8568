import Glibc
import HTTPTypes
import Testing

@testable import HTTPHosting

@Suite struct TLSTests {
    private let streams = TestStreams()
    private let whoRoute = Route(.get, "/who") { request, _ throws(Problem) in
        .now(text(request.peer.clientCertificateSubject ?? "nobody"))
    }

    private func withTLS(
        _ server: String = "server",
        clientsOf authority: String? = nil,
        _ change: (inout ListenerConfiguration) -> Void = { _ in },
        _ body: (HTTPListener, TestCertificates) throws -> Void
    ) throws {
        let certificates = try TestCertificates.shared.get()
        var configuration = local(change)
        configuration.tls = try certificates.settings(server, clientsOf: authority)
        try withListener([whoRoute, streams.route] + sampleRoutes, configuration) { listener in
            try body(listener, certificates)
        }
    }

    @Test(arguments: ["server", "rsa"], ["-tls1_2", "-tls1_3"])
    func servesKeepAliveConnections(server: String, version: String) throws {
        try withTLS(server) { listener, certificates in
            let client = try connectTLS(listener, certificates, options: [version])
            for name in ["a", "b", "c"] {
                #expect(try client.get("/items/\(name)").body == name)
            }
            #expect(try client.get("/later").body == "late")
            #expect(listener.url?.hasPrefix("https://127.0.0.1:") == true)
        }
    }

    @Test func bodiesArriveWhole() throws {
        try withTLS { listener, certificates in
            let client = try connectTLS(listener, certificates)
            let body = String(repeating: "x", count: 500_000)
            client.send(
                "PUT /items/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
            )
            #expect(try client.response().body == "500000")
        }
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func clientsMustHaveAGoodCertificate(version: String) throws {
        try withTLS(clientsOf: "ca") { listener, certificates in
            for name in [nil, "stranger", "adaExpired", "adaServes"] as [String?] {
                let client = try connectTLS(
                    listener,
                    certificates,
                    as: name,
                    options: [version]
                )
                client.send("GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(client.readToEnd().isEmpty, "\(name ?? "none") \(version)")
            }
            let ada = try connectTLS(listener, certificates, as: "ada", options: [version])
            let body = try ada.get("/who").body
            #expect(body == "CN=ada,O=Relay\\, Inc")
        }
    }

    @Test func clientsAreNotAskedWithoutAuthorities() throws {
        try withTLS { listener, certificates in
            let ada = try connectTLS(listener, certificates, as: "ada")
            #expect(try ada.get("/who").body == "nobody")
        }
    }

    @Test(arguments: [
        ("server", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]),
        ("rsa", ["-tls1_2", "-cipher", "AES128-GCM-SHA256"]),
        ("server", ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA"]),
    ])
    func whatIsOldIsRefused(server: String, options: [String]) throws {
        try withTLS(server) { listener, certificates in
            let client = try connectTLS(listener, certificates, options: options)
            client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(client.readToEnd().isEmpty)
        }
    }

    @Test func chainIsServedInItsOrderOnly() throws {
        try withTLS { listener, certificates in
            var settings = try certificates.settings("server")
            let authority = try certificates.bytes("ca.crt")
            settings.certificateChain += authority
            try listener.reloadTLS(settings)
            let client = try connectTLS(listener, certificates)
            #expect(try client.get("/hello").status == 200)
            settings.certificateChain = authority + (try certificates.bytes("server.crt"))
            #expect(throws: ListenerError.self) { try listener.reloadTLS(settings) }
        }
    }

    @Test func unixSocketSpeaksNoTLS() throws {
        var configuration = ListenerConfiguration(address: .unix(path: "/tmp/never-made.socket"))
        configuration.tls = try TestCertificates.shared.get().settings("server")
        let listener = HTTPListener(configuration: configuration, routes: RouteTable([]))
        #expect(throws: ListenerError.self) { try listener.start() }
    }

    @Test func strangersToTheAuthorityAreNotFooled() throws {
        try withTLS { listener, certificates in
            let client = try connectTLS(listener, certificates, trusting: "other")
            #expect(client.readToEnd().isEmpty)
        }
    }

    @Test func plainTextGetsNothingAndHurtsNobody() throws {
        try withTLS { listener, certificates in
            let other = try connectTLS(listener, certificates)
            #expect(try other.get("/hello").status == 200)
            for _ in 0..<10 {
                let client = try TestClient(listener.boundAddress)
                client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(!client.readToEnd().contains("HTTP/1"))
            }
            #expect(try other.get("/hello").status == 200)
        }
    }

    @Test func clientThatNeverSpeaksIsCut() throws {
        let hasty = { (configuration: inout ListenerConfiguration) in
            configuration.requestDeadlineSeconds = 1
        }
        try withTLS("server", clientsOf: nil, hasty) { listener, _ in
            let silent = try TestClient(listener.boundAddress)
            let half = try TestClient(listener.boundAddress)
            half.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
            #expect(silent.readToEnd().isEmpty && silent.isAtEnd)
            #expect(!half.readToEnd().contains("HTTP") && half.isAtEnd)
        }
    }

    @Test func reloadChangesTheCertificateForNewConnections() throws {
        try withTLS { listener, certificates in
            let early = try connectTLS(listener, certificates)
            #expect(try early.get("/hello").status == 200)
            try listener.reloadTLS(try certificates.settings("second", clientsOf: "ca"))
            let late = try connectTLS(listener, certificates, trusting: "other", as: "ada")
            #expect(try late.get("/who").body == "CN=ada,O=Relay\\, Inc")
            let wary = try connectTLS(listener, certificates, trusting: "ca", as: "ada")
            #expect(wary.readToEnd().isEmpty)
            // Who was there goes on.
            #expect(try early.get("/who").body == "nobody")
        }
    }

    @Test func settingsThatAreNoGoodAreRefusedAndChangeNothing() throws {
        try withTLS { listener, certificates in
            let good = try certificates.settings("server")
            let garbage = Array("garbage".utf8)
            var cases: [(settings: TLSSettings, sentence: String)] = []
            func bad(_ sentence: String, _ change: (inout TLSSettings) throws -> Void) rethrows {
                var settings = good
                try change(&settings)
                cases.append((settings, sentence))
            }
            bad("certificate chain cannot be read") { $0.certificateChain = garbage }
            bad("certificate chain cannot be read") { $0.certificateChain = [] }
            bad("private key cannot be read") { $0.privateKey = garbage }
            bad("private key cannot be read") { $0.privateKey = [] }
            bad("client authorities cannot be read") { $0.clientAuthorities = garbage }
            bad("no authority") { $0.clientAuthorities = [] }
            try bad("not that of the first") { $0.privateKey = try certificates.bytes("rsa.key") }
            try bad("expired at 20") { $0 = try certificates.settings("expired") }
            for (settings, sentence) in cases {
                let error = #expect(throws: ListenerError.self) {
                    try listener.reloadTLS(settings)
                }
                #expect(error?.sentence.contains(sentence) == true, "\(String(describing: error))")
                var configuration = local()
                configuration.tls = settings
                let other = HTTPListener(configuration: configuration, routes: RouteTable([]))
                #expect(throws: ListenerError.self) { try other.start() }
            }
            let client = try connectTLS(listener, certificates)
            #expect(try client.get("/hello").status == 200)
        }
        try withListener { listener in
            let settings = try TestCertificates.shared.get().settings("server")
            #expect(throws: ListenerError.self) { try listener.reloadTLS(settings) }
        }
    }

    @Test func streamsGoOverTLS() throws {
        try withTLS { listener, certificates in
            let client = try connectTLS(listener, certificates)
            let stream = try streams.take { try client.get("/stream") }
            #expect(try client.chunk() == Array("hello\n".utf8))
            let lines = (0..<5_000).map { "\($0)\n" }
            onThread {
                for line in lines { _ = deliver(Array(line.utf8), to: stream) }
                stream.end()
            }
            #expect(String(decoding: try client.chunks(), as: UTF8.self) == lines.joined())
            #expect(try client.get("/hello").body == "hello")
        }
    }

    @Test func stopEndsStreamsOverTLS() throws {
        try withTLS { listener, certificates in
            let client = try connectTLS(listener, certificates)
            let stream = try streams.take { try client.get("/stream") }
            #expect(stream.send(Array("last".utf8)) == .accepted)
            listener.stop(graceMilliseconds: 5_000)
            #expect(String(decoding: try client.chunks(), as: UTF8.self) == "hello\nlast")
        }
    }

    @Test func clientThatGoesAwayEndsItsStream() throws {
        try withTLS { listener, certificates in
            do {
                let client = try connectTLS(listener, certificates)
                _ = try streams.take { try client.get("/stream") }
            }
            #expect(streams.waitForEnded(1))
        }
    }

    /// In a process of its own, because descriptors are the process's.
    @Test func connectionsLeaveNoDescriptorsBehind() async {
        await #expect(processExitsWith: .success) {
            let certificates = try TestCertificates.shared.get()
            var configuration = local()
            configuration.tls = try certificates.settings("server", clientsOf: "ca")
            try withListener(sampleRoutes, configuration) { listener in
                func connect(_ count: Int) throws {
                    for _ in 0..<count {
                        let good = try connectTLS(listener, certificates, as: "ada")
                        if try good.get("/hello").status != 200 { exit(1) }
                        let bad = try connectTLS(listener, certificates)
                        _ = bad.readToEnd()
                        let plain = try TestClient(listener.boundAddress)
                        plain.send("GET / HTTP/1.1\r\n\r\n")
                        _ = plain.readToEnd()
                    }
                }
                try connect(5)
                let before = descriptorCount()
                try connect(25)
                let deadline = nowNanoseconds() + 10_000_000_000
                while descriptorCount() > before + 2 {
                    if nowNanoseconds() > deadline { exit(2) }
                    sched_yield()
                }
            }
        }
    }
}
