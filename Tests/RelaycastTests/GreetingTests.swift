import ControlPlane
import Testing

@testable import relaycast

/// What is printed when the daemon serves.
@Suite struct GreetingTests {
    @Test(arguments: [
        (ListenAddress.tcp(address: "127.0.0.1", port: 81), "curl http://127.0.0.1:81/v1/server"),
        (.tcp(address: "::1", port: 81), "curl --globoff http://[::1]:81/v1/server"),
        (
            .unix(path: "/run/r.socket"),
            "curl --unix-socket /run/r.socket http://localhost/v1/server"
        ),
        (
            .unix(path: "/run/it's"),
            #"curl --unix-socket '/run/it'\''s' http://localhost/v1/server"#
        ),
    ])
    func theFirstRequestCanBePasted(address: ListenAddress, command: String) {
        let text = Greeting.text(for: [address])
        #expect(text.contains("serves \(address)\n"))
        #expect(text.hasSuffix("Try: \(command)\n"))
    }

    @Test func whereATokenIsNeededTheRequestHasAPlaceForIt() {
        let text = Greeting.text(for: [.tcp(address: "127.0.0.1", port: 81)], needsToken: true)
        #expect(
            text.hasSuffix(
                "Try: curl -H 'Authorization: Bearer SECRET' http://127.0.0.1:81/v1/server\n"
            )
        )
    }
}
