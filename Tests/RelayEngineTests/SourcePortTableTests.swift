import Testing

@testable import RelayEngine

@Suite struct SourcePortTableTests {
    private static let second: Int64 = 1_000_000_000

    /// A table with so many ports, the first of which is 1024, each used a nanosecond later.
    private func table(ports: Int) -> SourcePortTable {
        var table = SourcePortTable()
        for number in 0..<ports { _ = table.add(port(number), isOpen: true, at: Int64(number)) }
        return table
    }

    private func port(_ number: Int) -> UInt16 { UInt16(1024 + number) }

    private func removed(from table: inout SourcePortTable, at now: Int64) -> [Int] {
        var places: [Int] = []
        while let place = table.removeExpired(at: now) { places.append(place) }
        return places
    }

    @Test func aKnownPortIsFound() {
        var table = table(ports: 3)
        let (known, unknown) = (table.use(port(2), at: 9), table.use(port(3), at: 9))
        #expect(known == .open(place: 2) && unknown == .unknown)
    }

    @Test func whenFullThePortThatIsSilentLongestGivesWay() {
        var table = table(ports: SourcePortTable.portsMax)
        #expect(table.count == SourcePortTable.portsMax)
        // The first is used again, so that the second is the one.
        _ = table.use(port(0), at: 99_999)
        let quiet = SourcePortTable.quietNanoseconds
        let tooEarly = table.makeRoom(at: quiet)
        #expect(tooEarly == nil)
        let place = table.makeRoom(at: quiet + 1)
        #expect(place == 1 && table.count == SourcePortTable.portsMax - 1)
        let (kept, gone) = (table.use(port(0), at: quiet + 1), table.use(port(1), at: quiet + 1))
        #expect(kept == .open(place: 0) && gone == .unknown)
        let again = table.add(65_535, isOpen: true, at: quiet + 1)
        #expect(again == 1 && table.count == SourcePortTable.portsMax)
    }

    @Test func portsInUseGiveWayToNobody() {
        var table = table(ports: SourcePortTable.portsMax)
        for round in 1...10 {
            let now = Int64(round) * Self.second
            for number in 0..<SourcePortTable.portsMax { _ = table.use(port(number), at: now) }
            let place = table.makeRoom(at: now + Self.second)
            #expect(place == nil)
        }
    }

    @Test func anUnusedPortExpires() {
        var table = table(ports: 2)
        let lifetime = SourcePortTable.lifetimeNanoseconds
        #expect(table.nextExpiry == lifetime)
        _ = table.use(port(0), at: 5)
        // The second was used a nanosecond after the start, the first five.
        #expect(table.nextExpiry == lifetime + 1)
        let early = removed(from: &table, at: lifetime)
        #expect(early == [])
        let second = removed(from: &table, at: lifetime + 1)
        #expect(second == [1] && table.nextExpiry == lifetime + 5)
        let first = removed(from: &table, at: lifetime + 5)
        #expect(first == [0] && table.count == 0 && table.nextExpiry == nil)
    }

    @Test func whatWasRefusedIsTriedAgainLater() {
        var table = SourcePortTable()
        _ = table.add(53, isOpen: false, at: 7)
        let retry = 7 + SourcePortTable.retryNanoseconds
        let (early, due) = (table.use(53, at: retry - 1), table.use(53, at: retry))
        #expect(early == .refused && due == .unknown && table.count == 0)
        let place = table.add(53, isOpen: true, at: retry)
        #expect(place == 0)
    }

    @Test(arguments: 1...4)
    func theOrderIsThatOfUse(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var (table, expected) = (SourcePortTable(), [UInt16: Int64]())
        for now in Int64(1)...3000 {
            let port = UInt16(random.next() % 200 + 1)
            if case .unknown = table.use(port, at: now) {
                _ = table.add(port, isOpen: true, at: now)
            }
            expected[port] = now
            if now % 50 == 0 {
                let at = (expected.values.min() ?? 0) + SourcePortTable.quietNanoseconds
                let tooEarly = table.makeRoom(at: at - 1)
                let place = table.makeRoom(at: at)
                #expect(tooEarly == nil && place != nil)
                expected = expected.filter { $0.value + SourcePortTable.quietNanoseconds != at }
                #expect(table.count == expected.count)
            }
        }
        // They expire in that order, each at its time.
        for usedAt in expected.values.sorted() {
            #expect(table.nextExpiry == usedAt + SourcePortTable.lifetimeNanoseconds)
            let places = removed(from: &table, at: usedAt + SourcePortTable.lifetimeNanoseconds)
            #expect(places.count == 1)
        }
        #expect(table.count == 0)
    }

    @Test func anEmptyTableHasNothingToGive() {
        var table = SourcePortTable()
        let (place, expired) = (table.makeRoom(at: 1 << 60), table.removeExpired(at: 1 << 60))
        #expect(place == nil && expired == nil)
    }
}
