import Glibc
import RelayModel
import Testing

@testable import RelayEngine

@Suite struct LifetimeTests {
    @Test(arguments: [IPAddress.Family.ipv4, .ipv6])
    func stoppingLeavesTheGroup(family: IPAddress.Family) throws {
        try withEngine { engine in
            let group = anyGroup(family)
            // The loopback interface has no IPv6 groups, but unicast.
            let session = try engine.run(
                definition(.multicastReceiver, group: group, port: try freePort(family)) {
                    $0.accept = [.multicast, .unicast]
                }
            )
            #expect(isMember(of: group))
            engine.stop(session)
            #expect(!isMember(of: group))
        }
    }

    @Test func stoppingIsHarmlessWhenRepeatedAndAfterTheEnd() throws {
        let engine = try RelayEngine(RelayEngine.Options(hostname: "h"))
        let receiver = definition(.multicastReceiver, group: anyGroup(), port: try freePort())
        let opened = try engine.open(receiver, activity: SessionActivity(receiver))
        engine.stop(opened)
        let running = try engine.run(receiver)
        engine.stop(running)
        engine.stop(running)
        let last = try engine.run(receiver)
        engine.shutDown()
        engine.shutDown()
        engine.stop(last)
        #expect(throws: SessionError.self) { try engine.run(receiver) }
    }

    @Test func aSessionCannotBeStartedTwice() throws {
        try withEngine { engine in
            let session = try engine.run(
                definition(.multicastReceiver, group: anyGroup(), port: try freePort())
            )
            #expect(throws: SessionError.self) { try engine.start(session) }
            engine.stop(session)
        }
    }

    @Test func aTakenPortIsRefused() throws {
        try withEngine { engine in
            let holder = try TestSocket(.unspecified(.ipv4))
            let receiver = definition(.multicastReceiver, group: anyGroup(), port: holder.port)
            #expect {
                try engine.run(receiver)
            } throws: { ($0 as? SessionError)?.code == .addressInUse }
        }
    }

    @Test func countersOutliveTheSocketAndGoOn() throws {
        try withEngine { engine in
            let receiver = definition(.multicastReceiver, group: anyGroup(), port: try freePort())
            let activity = SessionActivity(receiver)
            let socket = try TestSocket()
            for round in 1...3 {
                let session = try engine.open(receiver, activity: activity)
                try engine.start(session)
                socket.send([1], to: try #require(receiver.group), receiver.port)
                #expect(eventually { activity.counterValues().accepted.datagrams == round })
                engine.stop(session)
            }
            #expect(activity.recentPackets.page(after: 0, limit: 9).next == 3)
        }
    }

    @Test func shuttingDownCompletesEveryRequest() throws {
        for _ in 0..<20 {
            let engine = try RelayEngine(RelayEngine.Options(hostname: "h"))
            let sender = try engine.run(
                definition(.multicastSender, group: anyGroup(), port: try freePort())
            )
            let goOn = Latch()
            engine.block(with: sender, until: goOn)
            let (sent, failed) = (Counter(), Counter())
            for _ in 0..<100 {
                engine.send(SendRequest([[UInt8]](repeating: [1], count: 200)), from: sender) {
                    if $0.failure == nil { sent.increment() } else { failed.increment() }
                }
            }
            let stopper = try WorkerThread(name: "stopper") { engine.shutDown() }
            goOn.set()
            stopper.join()
            #expect(sent.count + failed.count == 100)
            engine.stop(sender)
        }
    }

    @Test func stoppingAmidTrafficCompletesEveryRequest() throws {
        try withEngine { engine in
            for _ in 0..<30 {
                let sender = try engine.run(
                    definition(.multicastSender, group: anyGroup(), port: try freePort())
                )
                let (asked, done) = (50, Counter())
                for _ in 0..<asked {
                    engine.send(SendRequest([[UInt8]](repeating: [1], count: 100)), from: sender) {
                        if let code = $0.failure?.code, code != .sessionNotRunning {
                            Issue.record("\(code)")
                        }
                        done.increment()
                    }
                }
                engine.stop(sender)
                #expect(eventually { done.count == asked })
            }
        }
    }

    private func isMember(of group: IPAddress) -> Bool {
        // igmp has the address in network order, read as a little-endian word; igmp6 all digits.
        let (path, word) =
            switch group.family {
            case .ipv4: ("/proc/net/igmp", hexadecimal(group.low.byteSwapped >> 32, digits: 8))
            case .ipv6:
                (
                    "/proc/net/igmp6",
                    hexadecimal(group.high, digits: 16) + hexadecimal(group.low, digits: 16)
                )
            }
        return lines(of: path).contains { $0.lowercased().contains(word) }
    }

    private func hexadecimal(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: digits - text.count) + text
    }
}
