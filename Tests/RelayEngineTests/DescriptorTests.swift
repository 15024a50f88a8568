import Glibc
import RelayModel
import Testing

@testable import RelayEngine

/// In processes of their own, because descriptors are the process's.
@Suite struct DescriptorTests {
    @Test func opensStartsAndStopsLeaveTheDescriptorsAsTheyWere() async {
        await #expect(processExitsWith: .success) {
            try withEngine { engine in
                let receiver = definition(
                    .multicastReceiver,
                    group: anyGroup(),
                    port: try freePort()
                )
                let before = openDescriptors()
                for _ in 0..<500 {
                    let session = try engine.run(receiver)
                    if openDescriptors() != before + 1 { exit(2) }
                    engine.stop(session)
                    if openDescriptors() != before { exit(3) }
                }
                // Opened and never started, or refused.
                for _ in 0..<50 {
                    let opened = try engine.open(receiver, activity: SessionActivity(receiver))
                    engine.stop(opened)
                    var refused = receiver
                    refused.interface = .name("nowhere")
                    do {
                        _ = try engine.open(refused, activity: SessionActivity(refused))
                        exit(4)
                    } catch {}
                }
                if openDescriptors() != before { exit(5) }
            }
        }
    }

    @Test func anEngineClosesItsOwn() async {
        await #expect(processExitsWith: .success) {
            let before = openDescriptors(of: "anon_inode:[event")
            for _ in 0..<50 { try withEngine { _ in } }
            // The test library may have opened some of its own meanwhile.
            if openDescriptors(of: "anon_inode:[event") > before + 10 { exit(2) }
        }
    }

    @Test func whatIsClosedTwiceClosesNoOtherDescriptor() async {
        await #expect(processExitsWith: .success) {
            let endpoint = ForwardEndpoint(IPAddress(ipv4: 0x7F00_0001), port: 9)
            func open() throws -> EgressSocket {
                try EgressSocket.open(
                    endpoint,
                    to: Endpoint(endpoint.address, port: 9),
                    interfaceIndex: 1,
                    receives: false,
                    descriptorCeiling: .max
                )
            }
            let before = openDescriptors()
            let first = try open()
            first.close()
            do {
                let second = try open()
                if second.number != first.number { exit(2) }
                first.close()
                if openDescriptors() != before + 1 { exit(3) }
            }
            // Without `close` it goes with the last who holds it.
            if openDescriptors() != before { exit(4) }
        }
    }

    @Test func aDescriptorAtTheCeilingIsRefusedAndNotLeaked() async {
        await #expect(processExitsWith: .success) {
            try withEngine(descriptorCeiling: 40) { engine in
                let receiver = definition(
                    .multicastReceiver,
                    group: anyGroup(),
                    port: try freePort()
                )
                let before = openDescriptors()
                var sessions: [RelaySession] = []
                for _ in 0..<100 {
                    do throws(SessionError) {
                        let session = try engine.open(
                            receiver,
                            activity: SessionActivity(receiver)
                        )
                        try engine.start(session)
                        sessions.append(session)
                    } catch {
                        if error.code != .sessionLimitReached || error.errno != "EMFILE" { exit(2) }
                    }
                    if openDescriptors() != before + sessions.count { exit(3) }
                }
                if sessions.isEmpty || sessions.count > 40 { exit(4) }
                // Room again after a stop.
                engine.stop(sessions.removeLast())
                sessions.append(try engine.run(receiver))
                for session in sessions { engine.stop(session) }
                if openDescriptors() != before { exit(5) }
            }
        }
    }
}

/// Descriptors of a type, as /proc shows it; the test library has some of other types.
func openDescriptors(of type: String = "socket:") -> Int {
    guard let directory = unsafe opendir("/proc/self/fd") else { exit(10) }
    defer { unsafe closedir(directory) }
    var count = 0
    // Safe because the entry is read before the next call, and the target before the next one.
    while let entry = unsafe readdir(directory) {
        let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        var target = [CChar](repeating: 0, count: 64)
        let length = unsafe readlink("/proc/self/fd/\(name)", &target, target.count)
        let text = String(
            decoding: target.prefix(max(length, 0)).map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
        if text.hasPrefix(type) { count += 1 }
    }
    return count
}
