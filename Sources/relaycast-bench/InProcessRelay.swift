import CBenchReference
import RelayEngine
import RelayModel

/// A relay that works on the calling thread, when it is told to.
protocol InProcessRelay {
    /// Its name in the output.
    var name: String { get }
    /// The port of 127.0.0.1 that it receives on.
    var port: UInt16 { get }
    /// Forwards until nothing is readable.
    mutating func drain()
}

/// One of the references in C.
@safe final class ReferenceRelay: InProcessRelay {
    let name: String
    let port: UInt16
    private let relay: OpaquePointer

    /// Receives on `port` and forwards to `targets` ports from `sinkPort` on.
    init(_ method: RelayMethod, port: UInt16, sinkPort: UInt16, targets: UInt16) throws {
        name = method.rawValue
        self.port = port
        var options = bench_relay_options(
            method: method.value,
            inbound: bench_endpoints(loopbackPort: port),
            outbound: bench_endpoints(loopbackPort: sinkPort, count: targets),
            receive_buffer_bytes: 8_388_608
        )
        // Safe because the relay is closed once, when its only owner goes.
        guard let relay = unsafe bench_relay_open(&options) else {
            throw Failure(description: "\(method.rawValue): errno \(lastError())")
        }
        unsafe self.relay = unsafe relay
    }

    deinit { unsafe bench_relay_close(relay) }

    func drain() { _ = unsafe bench_relay_drain(relay) }
}

/// The engine as the daemon runs it, its loop on this thread.
final class EngineRelay: InProcessRelay {
    /// What the session does besides.
    enum Work: String {
        /// All that it does by default.
        case full = "relaycast"
        /// The same without `loopGuardMilliseconds`.
        case withoutGuard = "relaycast-without-guard"

        /// The reference that does as much.
        var reference: RelayMethod {
            switch self {
            case .full: .guarded
            case .withoutGuard: .sameWork
            }
        }
    }

    let name: String
    let port: UInt16
    private let engine: RelayEngine
    private var loop: InlineRelay

    /// Receives on `port` and forwards to `targets` ports from `sinkPort` on.
    init(_ work: Work, port: UInt16, sinkPort: UInt16, targets: UInt16) throws {
        name = work.rawValue
        self.port = port
        engine = try RelayEngine(RelayEngine.Options(hostname: "bench"))
        let definition = Self.definition(work, port: port, sinkPort: sinkPort, targets: targets)
        let session = try engine.open(definition, activity: SessionActivity(definition))
        loop = try InlineRelay([session], hostname: "bench")
    }

    func drain() { _ = loop.drain() }

    private static func definition(
        _ work: Work,
        port: UInt16,
        sinkPort: UInt16,
        targets: UInt16
    ) -> SessionDefinition {
        guard let name = SessionName("bench") else { preconditionFailure("a valid name") }
        let loopback = IPAddress(ipv4: 0x7F00_0001)
        var definition = SessionDefinition(
            name: name,
            kind: .multicastReceiver,
            group: IPAddress(ipv4: 0xEF47_0909),
            port: port
        )
        definition.interface = .address(loopback)
        definition.accept = [.unicast]
        definition.allow = [CIDRBlock("127.0.0.0/8")].compactMap { $0 }
        definition.receiveBufferBytes = 8_388_608
        definition.forward = (0..<targets).map { index in
            ForwardTarget(.endpoint(ForwardEndpoint(loopback, port: sinkPort + index)))
        }
        if work == .withoutGuard { definition.loopGuardMilliseconds = 0 }
        return definition
    }
}
