import Testing

@testable import RelayEngine

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
