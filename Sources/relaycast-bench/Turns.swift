/// What a variant's turns cost, one for each round.
struct Turns {
    /// The variant's name in the output.
    let name: String
    /// CPU nanoseconds per datagram; nil for a turn that does not count.
    var costs: [Double?] = []

    /// The ratio to another variant's turn of the same round, where both count.
    func ratios(to other: Turns) -> [Double] {
        zip(costs, other.costs).compactMap { mine, theirs in
            guard let mine, let theirs else { return nil }
            return mine / theirs
        }
    }
}

/// The middle of some values, and between what half of them lie.
struct Quartiles {
    /// A quarter is less.
    let lower: Double
    /// Half is less.
    let median: Double
    /// A quarter is more.
    let upper: Double

    /// Of at least one value.
    init(_ values: [Double]) {
        let sorted = values.sorted()
        precondition(!sorted.isEmpty, "no value has no middle")
        lower = sorted[sorted.count / 4]
        median = sorted[sorted.count / 2]
        upper = sorted[sorted.count * 3 / 4]
    }

    /// A JSON object.
    var json: String {
        "{\"median\":\(rounded(median)),\"lower\":\(rounded(lower)),\"upper\":\(rounded(upper))}"
    }

    private func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }
}
