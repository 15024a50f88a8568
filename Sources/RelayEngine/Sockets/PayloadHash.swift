import CRelaySocket
import RelayModel

/// Hashes of payloads for tables of this process: fast, and seeded at random at its start, so that
/// nobody can aim at an entry. Not for what leaves the process.
enum PayloadHash {
    /// Odd and random.
    private static let seeds: InlineArray<5, UInt64> = {
        var generator = SystemRandomNumberGenerator()
        return InlineArray { _ in generator.next() | 1 }
    }()

    private static let digestSeeds: [UInt64] = {
        var generator = SystemRandomNumberGenerator()
        return (0..<RELAY_DIGEST_SEEDS).map { _ in generator.next() | 1 }
    }()

    /// The bytes at each end of a payload that `sample` looks at.
    static let sampleEndBytes = 64

    /// A digest of all bytes and the length; a payload of 1316 bytes takes about 50 ns.
    static func whole(_ payload: Span<UInt8>) -> UInt64 {
        // Safe because the call reads no more than the bytes and the seeds.
        unsafe payload.withUnsafeBufferPointer { bytes in
            unsafe digestSeeds.withUnsafeBufferPointer { seeds in
                unsafe relay_digest(bytes.baseAddress, bytes.count, seeds.baseAddress)
            }
        }
    }

    /// A hash of the length, the first and the last 64 bytes: where these differ the payloads do.
    /// It takes about 6 ns.
    @inline(__always)
    static func sample(_ payload: Span<UInt8>) -> UInt64 {
        // Safe because the buffer does not leave the call.
        unsafe payload.withUnsafeBytes { bytes in
            var lanes = Lanes(seeds, length: bytes.count)
            if bytes.count > sampleEndBytes { unsafe lanes.mixBlock(bytes, at: 0) }
            unsafe lanes.mixRest(bytes)
            return lanes.value
        }
    }

    /// A hash of an address, its port and its interface.
    @inline(__always)
    static func of(_ endpoint: Endpoint) -> UInt64 {
        let address = mix(endpoint.address.low ^ seeds[0], endpoint.address.high ^ seeds[1])
        let rest = UInt64(endpoint.scopeID) &<< 16 | UInt64(endpoint.port)
        return mix(address ^ seeds[2], rest ^ seeds[3])
    }

    /// Both halves of the product, folded: each bit of the result depends on all bits of both.
    @inline(__always)
    fileprivate static func mix(_ first: UInt64, _ second: UInt64) -> UInt64 {
        let product = first.multipliedFullWidth(by: second)
        return product.high ^ product.low
    }
}

/// Four sums that do not wait for each other's multiplications.
private struct Lanes {
    static let blockBytes = 64

    private let seeds: InlineArray<5, UInt64>
    private var sums: InlineArray<4, UInt64>

    @inline(__always)
    init(_ seeds: InlineArray<5, UInt64>, length: Int) {
        self.seeds = seeds
        sums = [seeds[1], seeds[2], seeds[3], seeds[4] ^ UInt64(length)]
    }

    @inline(__always)
    mutating func mixBlock(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        unsafe mixPair(0, bytes, offset, offset + 8)
        unsafe mixPair(1, bytes, offset + 16, offset + 24)
        unsafe mixPair(2, bytes, offset + 32, offset + 40)
        unsafe mixPair(3, bytes, offset + 48, offset + 56)
    }

    /// The last block, which may overlap what was mixed; of less than a block, all.
    @inline(__always)
    mutating func mixRest(_ bytes: UnsafeRawBufferPointer) {
        if bytes.count >= Self.blockBytes {
            unsafe mixBlock(bytes, at: bytes.count - Self.blockBytes)
        } else if bytes.count >= 8 {
            unsafe mixWords(bytes)
        } else {
            let word = unsafe bytes.reduce(UInt64(0)) { $0 &<< 8 | UInt64($1) }
            sums[0] = PayloadHash.mix(word ^ sums[0], seeds[0])
        }
    }

    /// 8 to 63 bytes: words in turn, and the last one, which may overlap the one before.
    private mutating func mixWords(_ bytes: UnsafeRawBufferPointer) {
        var lane = 0
        var offset = 0
        while offset + 16 <= bytes.count {
            unsafe mixPair(lane, bytes, offset, offset + 8)
            lane += 1
            offset += 16
        }
        unsafe mixPair(lane, bytes, min(offset, bytes.count - 8), bytes.count - 8)
    }

    @inline(__always)
    private mutating func mixPair(
        _ lane: Int,
        _ bytes: UnsafeRawBufferPointer,
        _ first: Int,
        _ second: Int
    ) {
        // Safe because callers pass offsets with 8 bytes behind them; debug builds check it.
        let low = unsafe bytes.loadUnaligned(fromByteOffset: first, as: UInt64.self)
        let high = unsafe bytes.loadUnaligned(fromByteOffset: second, as: UInt64.self)
        sums[lane] = PayloadHash.mix(low ^ sums[lane], high ^ seeds[lane])
    }

    var value: UInt64 {
        @inline(__always) get {
            let left = PayloadHash.mix(sums[0] ^ seeds[4], sums[1])
            let right = PayloadHash.mix(sums[2] ^ seeds[0], sums[3])
            return PayloadHash.mix(left ^ seeds[1], right ^ seeds[2])
        }
    }
}

extension Span<UInt8> {
    /// The first and the last eight bytes as words, which overlap where there are fewer than 16;
    /// of fewer than eight bytes all, and 0.
    var ends: (UInt64, UInt64) {
        // Safe because both words are inside the buffer, which does not leave the call.
        unsafe withUnsafeBytes { bytes in
            if bytes.count < 8 {
                return (unsafe bytes.reduce(0) { $0 << 8 | UInt64($1) }, 0)
            }
            return (
                unsafe bytes.loadUnaligned(as: UInt64.self),
                unsafe bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
            )
        }
    }
}
