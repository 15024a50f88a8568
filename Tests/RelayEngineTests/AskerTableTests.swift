import RelayModel
import Testing

@testable import RelayEngine

@Suite struct AskerTableTests {
    @Test(arguments: [1, 64, 1024])
    func soManyMayAskAtOnce(askersMax: Int) {
        var table = AskerTable(ReplyMapping(askersMax: askersMax))
        for number in 0..<askersMax {
            let isFull = table.isFull
            #expect(!isFull)
            let place = add(asker(number), to: &table, at: Int64(number))
            #expect(place == number)
        }
        #expect(table.isFull && table.count == askersMax)
        // Who is there may go on asking.
        let place = table.renew(asker(0), localAddress: nil, at: 5)
        #expect(place == 0)
        let other = table.renew(asker(askersMax), localAddress: nil, at: 5)
        #expect(other == nil)
    }

    @Test(arguments: [1, 30, 3600])
    func anAskerLivesForItsLifetimeAfterItsLastDatagram(seconds: Int) {
        let lifetime = Int64(seconds) * 1_000_000_000
        var table = AskerTable(ReplyMapping(lifetimeSeconds: seconds))
        _ = add(asker(0), to: &table, at: 0)
        #expect(table.nextExpiry == lifetime)
        _ = table.renew(asker(0), localAddress: nil, at: 7)
        #expect(removed(from: &table, at: lifetime) == [])
        #expect(table.count == 1)
        // The places are looked through again a little later.
        let due = lifetime + AskerTable.expiryNanoseconds
        #expect(table.nextExpiry == due)
        #expect(removed(from: &table, at: due - 1) == [])
        #expect(removed(from: &table, at: due) == [0])
        #expect(table.count == 0 && table.nextExpiry == nil && table[0] == nil)
    }

    @Test func aLifetimeEndsAtItsLastNanosecond() {
        for early in [Int64(0), 1] {
            var table = AskerTable(ReplyMapping(lifetimeSeconds: 1))
            _ = add(asker(0), to: &table, at: 10)
            let place = removed(from: &table, at: 1_000_000_010 - early)
            #expect(place == (early == 0 ? [0] : []))
        }
    }

    @Test func placesAreUsedAgain() {
        var table = AskerTable(ReplyMapping(lifetimeSeconds: 1, askersMax: 3))
        for number in 0..<3 { _ = add(asker(number), to: &table, at: Int64(number) * 500_000_000) }
        #expect(removed(from: &table, at: 1_000_000_000) == [0])
        #expect(!table.isFull)
        let place = add(asker(9), to: &table, at: 1_000_000_000)
        #expect(place == 0 && table[0]?.key == asker(9) && table.isFull)
        #expect(table.askers.map(\.place) == [0, 1, 2])
    }

    @Test func theLastAddressAskedIsKept() {
        var table = AskerTable(ReplyMapping())
        let place = add(asker(0), to: &table, at: 0)
        #expect(table[place]?.localAddress == nil)
        _ = table.renew(asker(0), localAddress: loopbackIPv4, at: 1)
        _ = table.renew(asker(0), localAddress: nil, at: 2)
        #expect(table[place]?.localAddress == loopbackIPv4)
    }

    @Test func addressPortAndScopeTellAskersApart() {
        var table = AskerTable(ReplyMapping())
        let link = IPAddress(ipv6High: 0xFE80 << 48, low: 1)
        let endpoints = [
            Endpoint(loopbackIPv4, port: 1), Endpoint(loopbackIPv4, port: 2),
            Endpoint(link, port: 1, scopeID: 1), Endpoint(link, port: 1, scopeID: 2),
        ]
        let askers = endpoints.map { AskerTable.Key(endpoint: $0) }
        for (index, asker) in askers.enumerated() {
            let place = add(asker, to: &table, at: 0)
            #expect(place == index)
        }
        table.countReplies(Traffic(datagrams: 1, bytes: 5), to: 2)
        #expect(table.askers.map(\.asker.replies.bytes) == [0, 0, 5, 0])
    }

    @Test func oneAddressOnTwoLinksIsTwoAskers() {
        var table = AskerTable(ReplyMapping())
        let endpoint = Endpoint(loopbackIPv4, port: 1)
        for link in [0, 2, 3] as [Int32] {
            let key = AskerTable.Key(endpoint: endpoint, link: link)
            let known = table.renew(key, localAddress: nil, interfaceIndex: link, at: 0)
            #expect(known == nil)
            let place = add(key, to: &table, at: 0)
            let again = table.renew(key, localAddress: nil, interfaceIndex: link, at: 0)
            #expect(again == place)
        }
        #expect(table.askers.map(\.asker.interfaceIndex) == [0, 2, 3])
    }

    /// Against a dictionary of when each asked last.
    @Test func aListOfWhoAskedSaysTheSame() {
        var table = AskerTable(ReplyMapping(lifetimeSeconds: 1, askersMax: 50))
        var asked: [AskerTable.Key: Int64] = [:]
        var random = SplitMix64(seed: 1)
        for step in 0..<5000 {
            let now = Int64(step) * 4_000_000
            for place in removed(from: &table, at: now) {
                let left = asked.filter { $0.value <= now - 1_000_000_000 }
                #expect(table[place] == nil && !left.isEmpty)
            }
            let present = Set(table.askers.map(\.asker.key))
            asked = asked.filter { present.contains($0.key) }
            let overdue = now - 1_000_000_000 - AskerTable.expiryNanoseconds
            #expect(asked.values.allSatisfy { $0 > overdue } && table.count == asked.count)
            let asker = asker(Int(random.next() % 200))
            if table.renew(asker, localAddress: nil, at: now) == nil {
                #expect(asked[asker] == nil)
                if table.isFull { continue }
                _ = add(asker, to: &table, at: now)
            }
            asked[asker] = now
        }
    }

    private func asker(_ number: Int) -> AskerTable.Key {
        let address = IPAddress(ipv4: 0x0A00_0000 + UInt32(number))
        return AskerTable.Key(endpoint: Endpoint(address, port: 1900))
    }

    private func add(_ asker: AskerTable.Key, to table: inout AskerTable, at now: Int64) -> Int {
        table.add(asker, localAddress: nil, createdAt: Timestamp(nanoseconds: now), at: now)
    }

    private func removed(from table: inout AskerTable, at now: Int64) -> [Int] {
        table.removeExpired(at: now)
    }
}
