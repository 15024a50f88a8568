import Glibc
import RelayModel
import Testing

@testable import RelayEngine

/// What the loopback interface cannot show, in processes with a network of their own:
///
///     inside (192.0.2.1/24, fd00::1/64) ── veth ── outside (no address)
@Suite(.enabled(if: geteuid() == 0)) struct NetworkTests {
    /// The loopback interface delivers no IPv6 groups.
    @Test func anIPv6GroupIsReceivedByItsInterface() async {
        await #expect(processExitsWith: .success) {
            guard enterNetwork() else { exit(2) }
            try withEngine { engine in
                let (group, port) = (anyGroup(.ipv6), try freePort(.ipv6))
                let receiver = try engine.run(
                    definition(.multicastReceiver, group: group, port: port) {
                        $0.interface = .name("inside")
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
                // What it came to is an interface: its address is one that faces the sender.
                if packet.destinationClass != .multicast { exit(10) }
                if packet.localAddress != address("fd00::1") { exit(11) }
                engine.stop(receiver)
                engine.stop(sender)
            }
        }
    }

    @Test(arguments: [
        "ip route add 198.51.100.0/24 dev inside", "ip -6 route add fd01::/64 dev inside",
        "ip address add 192.0.2.2/24 dev inside", "ip link set inside mtu 1400",
    ])
    func thePathMonitorHearsOfEveryChange(command: String) async {
        await #expect(processExitsWith: .success) { [command] in
            guard enterNetwork() else { exit(2) }
            let monitor = try PathMonitor()
            // Addresses of a new interface are still being made.
            guard eventually({ !monitor.takeChange() }) else { exit(3) }
            guard unsafe system(command) == 0 else { exit(4) }
            guard eventually({ monitor.takeChange() }) else { exit(5) }
            guard eventually({ !monitor.takeChange() }) else { exit(6) }
        }
    }

    @Test func theSourcesOfAnIPv6GroupChangeUnderTraffic() async {
        await #expect(processExitsWith: .success) {
            guard enterNetwork() else { exit(2) }
            try withEngine { engine in
                let (group, port) = (anyGroup(.ipv6), try freePort(.ipv6))
                var receiver = try engine.run(
                    definition(.multicastReceiver, group: group, port: port) {
                        $0.interface = .name("inside")
                        $0.sources = [address("fd00::1")]
                        $0.recentPackets = 4096
                        $0.receiveBufferBytes = 8_388_608
                    }
                )
                let sender = try engine.run(
                    definition(.multicastSender, group: group, port: port) {
                        $0.interface = .name("inside")
                    }
                )
                let isSent = Counter()
                let posting = try WorkerThread(name: "posting") {
                    pace(3000) { engine.send(SendRequest($0.map(payload)), from: sender) { _ in } }
                    isSent.increment()
                }
                var rounds = 0
                while isSent.count == 0 {
                    rounds += 1
                    let others = (0..<rounds % 9).map { address("fd00::\($0 + 2)") }
                    receiver = try engine.update(receiver) {
                        $0.sources = others + [address("fd00::1")]
                    }
                }
                posting.join()
                if rounds < 10 { exit(3) }
                guard eventually({ receiver.values.accepted.datagrams == 3000 }) else { exit(4) }
                if receiver.packets().compactMap({ number($0.payload) }) != Array(1...3000) {
                    exit(5)
                }
                // Any source is a change of the mode, tried without traffic.
                receiver = try engine.update(receiver) { $0.sources = [] }
                if engine.sendAndWait([[1]], from: sender)?.failure != nil { exit(6) }
                guard eventually({ receiver.values.accepted.datagrams == 3001 }) else { exit(7) }
                receiver = try engine.update(receiver) { $0.sources = [address("fd00::2")] }
                if engine.sendAndWait([[2]], from: sender)?.failure != nil { exit(8) }
                receiver = try engine.update(receiver) { $0.sources = [address("fd00::1")] }
                if engine.sendAndWait([[3]], from: sender)?.failure != nil { exit(9) }
                guard eventually({ receiver.values.accepted.datagrams == 3002 }) else { exit(10) }
                if receiver.packets().last?.payload != [3] { exit(11) }
                engine.stop(receiver)
                engine.stop(sender)
            }
        }
    }

    @Test func aSlowInterfaceHoldsARequestUpButLosesNothing() async {
        await #expect(processExitsWith: .success) {
            // 2 Mbit/s, and a queue larger than the socket's send buffer.
            let slow = "tc qdisc add dev inside root tbf rate 2mbit burst 4000 limit 4000000"
            guard enterNetwork(), unsafe system(slow) == 0 else { exit(2) }
            try withEngine { engine in
                let sender = try engine.run(
                    definition(.multicastSender, group: anyGroup(), port: try freePort()) {
                        $0.interface = .name("inside")
                    }
                )
                let before = processNanoseconds()
                let startedAt = HostNetwork.monotonicNanoseconds()
                let datagrams = [[UInt8]](
                    repeating: [UInt8](repeating: 1, count: 1000),
                    count: 400
                )
                guard let outcome = engine.sendAndWait(datagrams, from: sender) else { exit(3) }
                if outcome.failure != nil { exit(4) }
                if outcome.sent.map(\.sequence) != Array(1...400) { exit(5) }
                if sender.values.lostSendBufferFull != 0 { exit(6) }
                let elapsed = HostNetwork.monotonicNanoseconds() - startedAt
                // It was held up, and nobody span meanwhile.
                if elapsed < 200_000_000 { exit(7) }
                if processNanoseconds() - before > elapsed / 2 { exit(8) }
                engine.stop(sender)
            }
        }
    }

    @Test func aRequestThatWaitsTooLongFailsAndTheNextOneToo() async {
        await #expect(processExitsWith: .success) {
            let stuck = "tc qdisc add dev inside root tbf rate 8kbit burst 4000 limit 4000000"
            guard enterNetwork(), unsafe system(stuck) == 0 else { exit(2) }
            try withEngine { engine in
                let sender = try engine.run(
                    definition(.multicastSender, group: anyGroup(), port: try freePort()) {
                        $0.interface = .name("inside")
                    }
                )
                let failed = Counter()
                let datagrams = [[UInt8]](
                    repeating: [UInt8](repeating: 1, count: 1000),
                    count: 1000
                )
                for _ in 0..<2 {
                    engine.send(SendRequest(datagrams), from: sender) { outcome in
                        if outcome.failure?.code == .sendBufferFull { failed.increment() }
                    }
                }
                guard eventually({ failed.count == 2 }) else { exit(3) }
                if sender.values.lostSendBufferFull != 2 { exit(4) }
                if sender.values.sent.datagrams == 0 { exit(5) }
                // One that waits is ended by a stop.
                let code = Locked<SessionError.Code?>(nil)
                engine.send(SendRequest(datagrams), from: sender) { outcome in
                    code.withLock { $0 = outcome.failure?.code }
                }
                engine.stop(sender)
                if code.withLock({ $0 }) != .sessionNotRunning { exit(6) }
            }
        }
    }
}

/// CPU time of all threads.
private func processNanoseconds() -> Int64 {
    var time = timespec()
    // Safe because `time` outlives the call.
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Makes the network above, for the calling thread and those it starts.
private func enterNetwork() -> Bool {
    guard unshareNetwork() else { return false }
    let commands = """
        ip link add inside type veth peer name outside && ip link set outside up &&
        ip link set inside up && ip address add 192.0.2.1/24 dev inside &&
        ip -6 address add fd00::1/64 dev inside nodad
        """
    return unsafe system(commands) == 0
}

/// Gives the calling thread, and those it starts, a network namespace (unshare(2)).
private func unshareNetwork() -> Bool {
    let cloneNewNetwork: Int32 = 0x4000_0000
    // Safe because libc's function has this type; Glibc's headers show it to GNU sources only.
    guard let symbol = unsafe dlsym(nil, "unshare") else { return false }
    let unshare = unsafe unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Int32).self)
    return unshare(cloneNewNetwork) == 0
}
