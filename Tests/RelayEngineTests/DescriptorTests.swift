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

    /// In a network namespace, because the loopback interface delivers no IPv6 groups.
    @Test(.enabled(if: geteuid() == 0))
    func anIPv6GroupIsReceivedByItsInterface() async {
        await #expect(processExitsWith: .success) {
            guard unshareNetwork() else { exit(2) }
            let commands = """
                ip link add one type veth peer name two && ip link set two up &&
                ip link set one up && ip -6 address add fd00::1/64 dev one nodad
                """
            guard unsafe system(commands) == 0 else { exit(3) }
            try withEngine { engine in
                let (group, port) = (anyGroup(.ipv6), try freePort(.ipv6))
                let receiver = try engine.run(
                    definition(.multicastReceiver, group: group, port: port) {
                        $0.interface = .name("one")
                    }
                )
                let sender = try engine.run(
                    definition(.multicastSender, group: group, port: port) {
                        $0.interface = .address(address("fd00::1"))
                        $0.ttl = 3
                    }
                )
                guard engine.sendAndWait([[6]], from: sender)?.failure == nil else { exit(4) }
                guard eventually({ receiver.values.accepted.datagrams == 1 }) else { exit(5) }
                guard let packet = receiver.packets().first else { exit(6) }
                if packet.destination.address != group || packet.ttl != 3 { exit(7) }
                if packet.interfaceIndex != receiver.interface?.index { exit(8) }
                if packet.source?.address != address("fd00::1") { exit(9) }
                engine.stop(receiver)
                engine.stop(sender)
            }
        }
    }
}

/// Gives the calling thread, and those it starts, a network namespace (unshare(2)).
private func unshareNetwork() -> Bool {
    let cloneNewNetwork: Int32 = 0x4000_0000
    // Safe because libc's function has this type; Glibc's headers show it to GNU sources only.
    guard let symbol = unsafe dlsym(nil, "unshare") else { return false }
    let unshare = unsafe unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Int32).self)
    return unshare(cloneNewNetwork) == 0
}

/// Descriptors of a type, as /proc shows it; the test library has some of other types.
private func openDescriptors(of type: String = "socket:") -> Int {
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
