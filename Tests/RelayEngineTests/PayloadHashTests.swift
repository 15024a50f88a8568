import RelayModel
import Testing

@testable import RelayEngine

@Suite struct PayloadHashTests {
    /// Around each border of how many bytes are mixed at once.
    static let lengths = [0, 1, 7, 8, 9, 15, 16, 17, 31, 48, 63, 64, 65, 127, 128, 129, 192, 1316]

    @Test(arguments: lengths)
    func everyByteOfAPayloadCounts(length: Int) {
        let payload = pattern(length)
        var hashes: Set<UInt64> = [PayloadHash.whole(payload.span)]
        for index in payload.indices {
            var changed = payload
            changed[index] ^= 1
            hashes.insert(PayloadHash.whole(changed.span))
        }
        #expect(hashes.count == length + 1)
        #expect(hashes.contains(PayloadHash.whole(pattern(length).span)))
    }

    @Test(arguments: lengths)
    func aSampleCoversBothEnds(length: Int) {
        let payload = pattern(length)
        let sample = PayloadHash.sample(payload.span)
        for index in payload.indices {
            var changed = payload
            changed[index] ^= 0x80
            let isAtAnEnd = index < 64 || index >= length - 64
            #expect((PayloadHash.sample(changed.span) != sample) == isAtAnEnd)
        }
    }

    @Test func zerosOfEachLengthDiffer() {
        let zeros = (0...300).map { [UInt8](repeating: 0, count: $0) }
        #expect(Set(zeros.map { PayloadHash.whole($0.span) }).count == zeros.count)
        #expect(Set(zeros.map { PayloadHash.sample($0.span) }).count == zeros.count)
    }

    @Test func numberedPayloadsDiffer() {
        let payloads = (0..<100_000).map { number -> [UInt8] in
            (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
        }
        #expect(Set(payloads.map { PayloadHash.whole($0.span) }).count == payloads.count)
        // Each bit is set in about half of them.
        for bit in 0..<64 {
            let count = payloads.count { PayloadHash.sample($0.span) >> bit & 1 == 1 }
            #expect((49_000...51_000).contains(count))
        }
    }

    @Test func addressPortAndScopeOfAnEndpointCount() {
        let addresses = [
            IPAddress(ipv4: 1), IPAddress(ipv4: 2), IPAddress(ipv6High: 1, low: 1),
            IPAddress(ipv6High: 1 << 48, low: 1),
        ]
        var hashes: Set<UInt64> = []
        for address in addresses {
            for port in [UInt16(0), 1, 0x8000] {
                for scopeID in [UInt32(0), 1, 0x8000_0000] {
                    hashes.insert(
                        PayloadHash.of(Endpoint(address, port: port, scopeID: scopeID))
                    )
                }
            }
        }
        #expect(hashes.count == addresses.count * 9)
    }

    private func pattern(_ length: Int) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    }
}
