import RelayModel
import Testing

@testable import RelayEngine

@Suite struct SourceTableTests {
    @Test func countsEachSenderExactly() {
        var table = SourceTable()
        for round in 1...3 {
            for number in 1...4 where number >= round {
                table.note(sender(number), UInt64(10 * number), moment(round))
            }
        }
        let busiest = table.busiest(16)
        #expect(busiest.map(\.traffic.datagrams) == [3, 3, 2, 1])
        let third = busiest.first { $0.source == sender(3) }
        #expect(third?.traffic == Traffic(datagrams: 3, bytes: 90) && third?.lastAt == moment(3))
    }

    @Test func sameAddressAndOtherPortIsAnotherSender() {
        var table = SourceTable()
        table.note(Endpoint(loopbackIPv4, port: 1), 1, moment(1))
        table.note(Endpoint(loopbackIPv4, port: 2), 1, moment(1))
        table.note(Endpoint(loopbackIPv6, port: 1), 1, moment(1))
        #expect(table.busiest(16).count == 3)
    }

    @Test(arguments: [
        Endpoint(loopbackIPv4, port: 65_535), Endpoint(loopbackIPv6, port: 0),
        Endpoint(IPAddress(ipv6High: .max, low: .max), port: 1, scopeID: .max),
        Endpoint(IPAddress(ipv4: .max), port: 0),
    ])
    func aSenderIsShownAsItIs(source: Endpoint) {
        var table = SourceTable()
        table.note(source, 1, moment(1))
        #expect(table.busiest(1).map(\.source) == [source])
    }

    @Test func showsTheBusiestOnly() {
        var table = SourceTable()
        for number in 1...20 {
            for _ in 0..<number {
                table.note(sender(number), 1, moment(number))
            }
        }
        #expect(table.busiest(16).map(\.traffic.datagrams) == Array((5...20).reversed()))
    }

    @Test func theLongestSilentSenderGivesWay() {
        var table = SourceTable()
        for number in 1...SourceTable.entriesMax {
            table.note(sender(number), 1, moment(number))
        }
        table.note(sender(1), 1, moment(100))
        table.note(sender(1000), 1, moment(101))
        let known = Set(table.busiest(1000).map(\.source))
        #expect(known.count == SourceTable.entriesMax)
        #expect(known.contains(sender(1)) && known.contains(sender(1000)))
        #expect(!known.contains(sender(2)) && known.contains(sender(3)))
    }

    @Test func aSenderThatComesBackStartsAgain() {
        var table = SourceTable()
        for number in 1...SourceTable.entriesMax + 1 {
            table.note(sender(number), 1, moment(number))
        }
        table.note(sender(1), 5, moment(1000))
        let again = table.busiest(1000).first { $0.source == sender(1) }
        #expect(again?.traffic == Traffic(datagrams: 1, bytes: 5))
    }
}

extension SourceTable {
    /// Counts one datagram.
    fileprivate mutating func note(_ source: Endpoint, _ length: UInt64, _ moment: Timestamp) {
        note(SourceKey(source), Traffic(datagrams: 1, bytes: length), at: moment)
    }
}

private func sender(_ number: Int) -> Endpoint {
    Endpoint(IPAddress(ipv4: 0x7F00_0000 + UInt32(number)), port: 4000)
}

private func moment(_ second: Int) -> Timestamp {
    Timestamp(nanoseconds: Int64(second) * 1_000_000_000)
}
