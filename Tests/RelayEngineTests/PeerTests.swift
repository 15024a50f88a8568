import RelayModel
import Testing

@testable import RelayEngine

@Suite struct PeerTests {
    @Test(arguments: [true, false])
    func aPeerDropsItsOwnCopies(loopback: Bool) throws {
        try withEngine { engine in
            let peer = try engine.run(
                definition(.multicastPeer, group: anyGroup(), port: try freePort()) {
                    $0.loopback = loopback
                }
            )
            defer { engine.stop(peer) }
            let datagrams = [[UInt8]](repeating: [1, 2], count: 300)
            #expect(engine.sendAndWait(datagrams, from: peer)?.failure == nil)
            // The loopback interface brings copies back whatever IP_MULTICAST_LOOP says.
            #expect(eventually { peer.values.received.datagrams == 300 })
            #expect(peer.values.dropped[Int(DropReason.own.rawValue)] == 300)
        }
    }

    @Test func aPeerWithReceiveOwnLetsItsCopiesIn() throws {
        try withEngine { engine in
            let peer = try engine.run(
                definition(.multicastPeer, group: anyGroup(), port: try freePort()) {
                    $0.receiveOwn = true
                }
            )
            defer { engine.stop(peer) }
            #expect(engine.sendAndWait([[1], [2]], from: peer)?.failure == nil)
            #expect(eventually { peer.values.accepted.datagrams == 2 })
            #expect(peer.packets().map(\.direction) == [.sent, .sent, .received, .received])
        }
    }

    @Test func aPeerHearsAnotherSocketWithTheSameAddressAndPort() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let peer = try engine.run(definition(.multicastPeer, group: group, port: port))
            defer { engine.stop(peer) }
            let other = try TestSocket(.unspecified(.ipv4), port: port, sharesPort: true)
            #expect(engine.sendAndWait([[1], [7]], from: peer)?.failure == nil)
            other.send([7], to: group, port)
            other.send([8], to: group, port)
            #expect(eventually { peer.values.received.datagrams == 4 })
            #expect(peer.values.dropped[Int(DropReason.own.rawValue)] == 2)
            #expect(peer.values.accepted.datagrams == 2)
        }
    }

    /// A copy of its own is one also where its source is denied, and is used up by it.
    @Test func ownComesBeforeSource() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let peer = try engine.run(
                definition(.multicastPeer, group: group, port: port) {
                    $0.deny = [block("0.0.0.0/0")]
                }
            )
            defer { engine.stop(peer) }
            let other = try TestSocket(.unspecified(.ipv4), port: port, sharesPort: true)
            #expect(engine.sendAndWait([[7]], from: peer)?.failure == nil)
            #expect(eventually { peer.values.dropped[Int(DropReason.own.rawValue)] == 1 })
            other.send([7], to: group, port)
            #expect(eventually { peer.values.dropped[Int(DropReason.source.rawValue)] == 1 })
            #expect(peer.values.received.datagrams == 2)
        }
    }

    @Test func twoPeersSendingTheSameHearEachOtherExactly() throws {
        try withEngine { engine in
            let (group, port) = (anyGroup(), try freePort())
            let peers = try (0..<2).map { _ in
                try engine.run(definition(.multicastPeer, group: group, port: port))
            }
            defer { for peer in peers { engine.stop(peer) } }
            let done = Counter()
            for peer in peers {
                engine.send(
                    SendRequest([[UInt8]](repeating: [5], count: 200)),
                    from: peer
                ) { _ in done.increment() }
            }
            #expect(eventually { done.count == 2 })
            for peer in peers {
                #expect(eventually { peer.values.received.datagrams == 400 })
                #expect(peer.values.accepted.datagrams == 200)
                #expect(peer.values.dropped[Int(DropReason.own.rawValue)] == 200)
            }
        }
    }

    @Test func aBroadcastPeerDropsItsOwnAndHearsTheOther() throws {
        try withEngine { engine in
            let port = try freePort()
            let peers = try (0..<2).map { _ in
                try engine.run(definition(.broadcast, role: .peer, port: port))
            }
            defer { for peer in peers { engine.stop(peer) } }
            #expect(engine.sendAndWait([[1], [2], [3]], from: peers[0])?.failure == nil)
            #expect(eventually { peers.allSatisfy { $0.values.received.datagrams == 3 } })
            #expect(peers[0].values.dropped[Int(DropReason.own.rawValue)] == 3)
            #expect(peers[1].values.accepted.datagrams == 3)
        }
    }
}
