import CMicroHTTPD

/// A SHA-256 digest (FIPS 180-4), which is compared without telling how much of it was right.
package struct SHA256Digest: Sendable {
    /// The digest's 32 bytes, big-endian.
    private let words: InlineArray<4, UInt64>

    /// The digest of some bytes.
    package init(of bytes: [UInt8]) {
        // Safe because the function only reads the bytes, and only during the call.
        let digest = unsafe bytes.withUnsafeBytes {
            unsafe relaycast_sha256($0.baseAddress, $0.count)
        }
        precondition(digest.is_made != 0, "GnuTLS has no SHA-256.")
        let (first, second, third, fourth) = digest.words
        words = [
            UInt64(bigEndian: first), UInt64(bigEndian: second), UInt64(bigEndian: third),
            UInt64(bigEndian: fourth),
        ]
    }

    /// Reads 64 hexadecimal digits, as sha256sum(1) prints them; nil for anything else.
    package init?(hexadecimal text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 64 else { return nil }
        var words: InlineArray<4, UInt64> = [0, 0, 0, 0]
        for (index, digit) in digits.enumerated() {
            guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
            words[index / 16] = words[index / 16] << 4 | UInt64(value)
        }
        self.words = words
    }

    /// The digest as 64 hexadecimal digits in lower case.
    package var hexadecimal: String {
        var text = ""
        for index in words.indices {
            let digits = String(words[index], radix: 16)
            text += String(repeating: "0", count: 16 - digits.count) + digits
        }
        return text
    }
}

extension SHA256Digest: Equatable {
    /// Looks at every bit whatever the first ones are, so that the time it takes tells nothing.
    package static func == (left: SHA256Digest, right: SHA256Digest) -> Bool {
        var difference: UInt64 = 0
        for index in left.words.indices { difference |= left.words[index] ^ right.words[index] }
        return difference == 0
    }
}
