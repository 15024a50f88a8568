import Glibc
import RelayModel
import Testing

@testable import RelayEngine

/// The name of the handler that most tests have.
let handlerName = anyHandlerName("handler")

func anyHandlerName(_ text: String) -> HandlerName {
    guard let name = HandlerName(text) else { preconditionFailure("not a name: \(text)") }
    return name
}

/// A handler that runs a script.
func shell(
    _ script: String,
    timeoutSeconds: Int = 300,
    concurrencyMax: Int = Handler.concurrencyDefault,
    output: Handler.Output = .lines
) -> Handler {
    Handler(
        ["/bin/sh", "-c", script],
        timeoutSeconds: timeoutSeconds,
        concurrencyMax: concurrencyMax,
        output: output
    )
}

/// A session that a handler answers for, and a client of it.
struct Asking {
    let engine: RelayEngine
    let session: RelaySession
    let client: TestSocket
    let group: IPAddress
    let port: UInt16

    func ask(_ payload: [UInt8] = [1]) { client.send(payload, to: group, port) }

    /// The next answer as text; nil when none comes in time.
    func answer() -> String? {
        client.receive().map { String(decoding: $0.payload, as: UTF8.self) }
    }

    var values: HandlerValues { session.values.handler }

    func failed(_ failure: HandlerFailure) -> UInt64 { values.failed[failure.rawValue] }
}

/// An engine with a handler, and a receiver that it answers for.
func withHandler(
    _ handler: Handler,
    perSecondMax: Int = 10_000,
    noteHandler: @escaping @Sendable (HandlerNote) -> Void = { _ in },
    _ body: (Asking) throws -> Void
) throws {
    try withEngine(handlers: [handlerName: handler], noteHandler: noteHandler) { engine in
        let receiver = definition(
            .multicastReceiver,
            group: anyGroup(),
            port: try freePort()
        ) { $0.reply = Reply(.handler(handlerName), perSecondMax: perSecondMax) }
        let session = try engine.run(receiver)
        defer { engine.stop(session) }
        try body(
            Asking(
                engine: engine,
                session: session,
                client: try TestSocket(),
                group: try #require(receiver.group),
                port: receiver.port
            )
        )
    }
}

/// Whether there is no process of the group any more; zombies are.
func isGone(group: Int32) -> Bool { kill(-group, 0) != 0 && errno == ESRCH }

/// Whether this process has no children, neither living nor dead.
func hasNoChildren() -> Bool {
    var info = unsafe siginfo_t()
    // Safe because the call only writes the local; nobody is reaped.
    return unsafe waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1 && errno == ECHILD
}

/// A path for a file that a script waits for; the file is removed with the value.
final class Gate {
    let path: String

    init() {
        path = "/tmp/relaycast-gate-\(getpid())-\(UInt64.random(in: .min ... .max))"
    }

    func open() {
        let number = unsafe creat(path, 0o600)
        #expect(number >= 0)
        close(number)
    }

    deinit { unsafe unlink(path) }

    /// The part of a script that waits.
    var wait: String { "until [ -e \(path) ]; do sleep 0.02; done" }
}
