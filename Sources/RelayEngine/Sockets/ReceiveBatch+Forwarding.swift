import CRelaySocket
import RelayModel

/// How the datagrams of a receive batch go on to one destination.
struct Forwarding {
    fileprivate var settings: relay_forwarding

    /// - Parameters:
    ///   - interfaceIndex: the outbound interface of unicast and broadcasts; 0 = by route.
    ///   - source: the address to send from; nil = the kernel's choice.
    ///   - segmentMax: the largest payload that UDP_SEGMENT may merge (udp(7)); 0 = none.
    init(
        to destination: Endpoint,
        interfaceIndex: Int32,
        source: IPAddress?,
        segmentMax: Int,
        decrementsTTL: Bool,
        preservesSource: Bool,
        preservesDSCP: Bool = false
    ) {
        settings = relay_forwarding(
            destination: relay_endpoint(destination),
            local_address: source.map { relay_endpoint($0) } ?? .none,
            interface_index: interfaceIndex,
            segment_max: UInt32(clamping: segmentMax),
            decrements_ttl: decrementsTTL ? 1 : 0,
            preserves_source: preservesSource ? 1 : 0,
            preserves_dscp: preservesDSCP ? 1 : 0
        )
    }

    /// The largest payload that is merged; 0 = none.
    var segmentMax: Int { Int(settings.segment_max) }

    /// Where the datagrams go.
    var destination: Endpoint {
        Endpoint(settings.destination) ?? Endpoint(.unspecified(.ipv4), port: 0)
    }

    /// The outbound interface of unicast and broadcasts; 0 = by route.
    var interfaceIndex: Int32 { settings.interface_index }

    /// The address to send from; nil = the kernel's choice, or the sender's.
    var source: IPAddress? { IPAddress(settings.local_address) }

    /// Leaves the address to the kernel from now on; false where it was already.
    mutating func forgetSource() -> Bool {
        if settings.local_address.family == 0 { return false }
        settings.local_address = .none
        return true
    }

    mutating func stopMerging() { settings.segment_max = 0 }
}

/// What one try to forward came to.
struct ForwardResult {
    /// The datagrams that left, as bits.
    var sent: UInt64
    /// The datagrams of the message that the kernel refused; 0 = none was refused.
    var refused: UInt64
    /// The positive error number of the refusal.
    var errno: Int32
}

extension ReceiveBatch {
    /// Sends the datagrams of the mask (bit n = index n) in order, from where they were received.
    ///
    /// Neither sent nor refused are those that come after a message that could not be sent now.
    @inline(__always)
    func forward(_ mask: UInt64, on descriptor: Int32, _ forwarding: Forwarding) -> ForwardResult {
        // Safe because the pointers do not leave the body.
        unsafe withReceived { headers, received in
            var settings = forwarding.settings
            var sent: UInt64 = 0
            // Safe because the blocks have the sizes that C asks for, and slots are below 64.
            let result = unsafe relay_forward(
                descriptor,
                headers,
                received,
                mask,
                &settings,
                &sent
            )
            if result >= 0 { return ForwardResult(sent: sent, refused: 0, errno: 0) }
            return ForwardResult(
                sent: sent,
                refused: unsafe relay_next_run(received, mask & ~sent, &settings),
                errno: -result
            )
        }
    }

    /// How many datagrams of this many bytes to receive at once, so that they fill whole messages
    /// of UDP_SEGMENT: 49 of 1316 bytes leave as one, 64 as one of 49 and one of 15. The capacity
    /// where that makes messages hardly longer.
    static func limitOfWholeMessages(length: Int) -> Int {
        let perMessage = mergedBytesMax / max(length, 1)
        if perMessage == 0 || perMessage >= capacity { return capacity }
        let messages = (capacity + perMessage - 1) / perMessage
        guard perMessage * messages >= capacity + capacity / 5 else { return capacity }
        return capacity - capacity % perMessage
    }

    /// The payload of the largest datagram over IPv6, and so of what is merged; over IPv4 20 more.
    private static let mergedBytesMax = 65_487

    /// The payload bytes of the datagrams of a range.
    @inline(__always)
    func bytes(of range: Range<Int>) -> UInt64 {
        var total: UInt64 = 0
        for index in range { total &+= UInt64(length(index)) }
        return total
    }

    /// The payload bytes of the datagrams of a mask.
    @inline(__always)
    func bytes(of mask: UInt64) -> UInt64 {
        var (rest, total) = (mask, UInt64(0))
        while rest != 0 {
            total += UInt64(length(rest.trailingZeroBitCount))
            rest &= rest &- 1
        }
        return total
    }
}
