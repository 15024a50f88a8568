import Testing

@testable import RelayModel

/// What is rarely there costs those who do not have it a word.
@Suite struct BoxedTests {
    @Test func aTargetWithoutLimitsAndChaosIsSmall() {
        #expect(MemoryLayout<Boxed<Chaos>>.size == MemoryLayout<Int>.size)
        #expect(MemoryLayout<ForwardTarget>.size <= 80)
    }

    @Test func aCopyIsChangedAlone() {
        var first = ForwardTarget(.endpoint(ForwardEndpoint(IPAddress(ipv4: 0xC000_0201), port: 9)))
        let none = first
        first.limits = TrafficLimits(datagramsPerSecond: 1)
        var second = first
        second.limits?.datagramsPerSecond = 2
        #expect(none.limits == nil && first.limits?.datagramsPerSecond == 1)
        #expect(second.limits?.datagramsPerSecond == 2 && first != second && first != none)
        second.limits = nil
        #expect(second == none && second.hashValue == none.hashValue)
    }
}
