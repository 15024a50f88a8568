import Glibc
import RelayModel
import Synchronization

@testable import RelayEngine

/// Why a test could not go on.
struct TestFailure: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// Counts from any thread.
final class Counter: Sendable {
    private let value = Atomic(0)

    var count: Int { value.load(ordering: .sequentiallyConsistent) }

    @discardableResult
    func increment() -> Int { value.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue }
}

/// Looks at a condition again and again until it holds; false when it does not in time.
func eventually(withinSeconds seconds: Int64 = 30, _ isMet: () throws -> Bool) rethrows -> Bool {
    let deadline = HostNetwork.monotonicNanoseconds() + seconds * 1_000_000_000
    let pause = Locked(())
    while true {
        if try isMet() { return true }
        let now = HostNetwork.monotonicNanoseconds()
        if now > deadline { return false }
        pause.wait(untilNanoseconds: now + 500_000) { _ in false }
    }
}

/// Runs a function on some threads at once, and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws {
    let threads = try (0..<count).map { index in
        try WorkerThread(name: "test \(index)") { body(index) }
    }
    for thread in threads { thread.join() }
}

func address(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("not an address: \(text)") }
    return address
}

func block(_ text: String) -> CIDRBlock {
    guard let block = CIDRBlock(text) else { preconditionFailure("not a block: \(text)") }
    return block
}

let loopbackIPv4 = IPAddress(ipv4: 0x7F00_0001)
let loopbackIPv6 = IPAddress(ipv6High: 0, low: 1)

/// A group that no other test uses: 239.255.0.0/16 or ff05::/16.
func anyGroup(_ family: IPAddress.Family = .ipv4) -> IPAddress {
    switch family {
    case .ipv4: IPAddress(ipv4: 0xEFFF_0000 | UInt32.random(in: 1...0xFFFE))
    case .ipv6: IPAddress(ipv6High: 0xFF05 << 48, low: UInt64.random(in: 1...UInt64.max))
    }
}

/// A valid definition on the loopback interface.
func definition(
    _ kind: SessionKind,
    role: BroadcastRole? = nil,
    group: IPAddress? = nil,
    port: UInt16,
    _ change: (inout SessionDefinition) -> Void = { _ in }
) -> SessionDefinition {
    guard let name = SessionName("test") else { preconditionFailure("a valid name") }
    var definition = SessionDefinition(
        name: name,
        kind: kind,
        role: role,
        group: group,
        port: port
    )
    definition.interface = .name("lo")
    if kind == .broadcast && role != .receiver { definition.address = loopbackBroadcast }
    change(&definition)
    return definition
}

/// The directed broadcast address of 127.0.0.0/8, in the kernel's local table.
let loopbackBroadcast = IPAddress(ipv4: 0x7FFF_FFFF)

func withEngine(
    descriptorCeiling: Int32 = .max,
    handlers: [HandlerName: Handler] = [:],
    noteHandler: @escaping @Sendable (HandlerNote) -> Void = { _ in },
    _ body: (RelayEngine) throws -> Void
) throws {
    let options = RelayEngine.Options(
        descriptorCeiling: descriptorCeiling,
        hostname: "host-a",
        handlers: handlers,
        noteHandler: noteHandler
    )
    let engine = try RelayEngine(options)
    defer { engine.shutDown() }
    try body(engine)
}

extension RelayEngine {
    /// Opens and starts.
    func run(_ definition: SessionDefinition) throws -> RelaySession {
        let session = try open(definition, activity: SessionActivity(definition))
        try start(session)
        return session
    }

    /// Sends and waits for the outcome.
    func sendAndWait(_ datagrams: [[UInt8]], from session: RelaySession) -> SendOutcome? {
        let result = Locked<SendOutcome?>(nil)
        send(SendRequest(datagrams), from: session) { outcome in
            result.withLock { $0 = outcome }
            result.signal()
        }
        let deadline = HostNetwork.monotonicNanoseconds() + 30_000_000_000
        result.wait(untilNanoseconds: deadline) { $0 != nil }
        return result.withLock { $0 }
    }

    /// Keeps the relay thread busy until the latch is set; returns once it is.
    func block(with session: RelaySession, until latch: Latch) {
        let isBusy = Latch()
        send(SendRequest([]), from: session) { _ in
            isBusy.set()
            latch.wait()
        }
        isBusy.wait()
    }
}

extension RelaySession {
    var values: CounterValues { activity.counterValues() }

    func packets(after cursor: UInt64 = 0) -> [CapturedPacket] {
        activity.recentPackets.page(after: cursor, limit: 4096).items
    }
}

func lines(of path: String) -> [String] {
    guard let file = unsafe fopen(path, "r") else { return [] }
    defer { unsafe fclose(file) }
    var text: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 4096)
    while true {
        // Safe because at most the buffer's size is read into it.
        let count = unsafe fread(&part, 1, part.count, file)
        if count == 0 { break }
        text += part[..<count]
    }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
}
