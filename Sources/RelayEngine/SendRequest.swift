import RelayModel

/// Datagrams to send from one session, in order.
package struct SendRequest: Sendable {
    /// The datagrams' payloads one after the other.
    let bytes: [UInt8]
    /// Where each datagram ends in `bytes`.
    let ends: [Int]

    /// Each datagram has at most `DefinitionLimits.datagramBytesMax` bytes.
    package init(_ datagrams: [[UInt8]]) {
        bytes = Array(datagrams.joined())
        var end = 0
        ends = datagrams.map { datagram in
            precondition(datagram.count <= DefinitionLimits.datagramBytesMax)
            end += datagram.count
            return end
        }
    }

    var count: Int { ends.count }

    /// Where a datagram is in `bytes`.
    func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }
}

/// What became of a send request.
package struct SendOutcome: Sendable {
    /// A datagram that left.
    package struct Sent: Hashable, Sendable {
        package let sequence: UInt64
        package let length: Int
    }

    /// The datagrams that left, from the first on.
    package internal(set) var sent: [Sent] = []
    /// Why the next one did not; nil when all left.
    package internal(set) var failure: SessionError?
}
