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
        table.removeExpired(at: now)
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
        let (early, due) = (removed(from: &table, at: lifetime), lifetime + Self.second)
        #expect(early == [] && table.nextExpiry == due)
        let late = removed(from: &table, at: due)
        #expect(late == [0, 1] && table.count == 0 && table.nextExpiry == nil)
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

    @Test func anEmptyTableHasNothingToGive() {
        var table = SourcePortTable()
        let (place, expired) = (table.makeRoom(at: 1 << 60), table.removeExpired(at: 1 << 60))
        #expect(place == nil && expired == [])
    }
}

@Suite struct SourcePortBudgetTests {
    @Test(arguments: [
        (Int32(1), 1), (400, 100), (65_532, 16_383), (65_536, 16_384), (.max, 16_384),
    ])
    func aQuarterOfTheDescriptorsIsForSourcePorts(ceiling: Int32, limit: Int) {
        let budget = SourcePortBudget(descriptorCeiling: ceiling)
        #expect(budget.limit == limit)
        for _ in 0..<limit { #expect(budget.take()) }
        #expect(!budget.take() && budget.count == limit)
        budget.giveBack(1)
        #expect(budget.take() && !budget.take())
    }

    @Test func theEarliestExpiryCounts() {
        let budget = SourcePortBudget(descriptorCeiling: 1000)
        #expect(budget.nextDue == .max)
        for time in [Int64(9), 5, 7] { budget.noteExpiry(at: time) }
        #expect(budget.nextDue == 5)
        budget.beginExpiring()
        #expect(budget.nextDue == .max)
    }
}
