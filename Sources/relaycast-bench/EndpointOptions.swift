import ArgumentParser
import CBenchReference

extension bench_endpoints: @retroactive ExpressibleByArgument {
    /// Reads "ADDRESS:PORT", "ADDRESS:PORT+COUNT", and either with "@INTERFACE-ADDRESS" behind it.
    public init?(argument: String) {
        let halves = argument.split(separator: "@", maxSplits: 1)
        guard let endpoint = halves.first, let colon = endpoint.lastIndex(of: ":") else {
            return nil
        }
        let numbers = endpoint[endpoint.index(after: colon)...].split(separator: "+", maxSplits: 1)
        guard let address = parse(endpoint[..<colon]),
            let port = numbers.first.flatMap({ UInt16($0) })
        else { return nil }
        let count = numbers.count == 2 ? UInt16(numbers[1]) : 1
        let interface = halves.count == 2 ? parse(halves[1]) : 0
        guard let count, let interface else { return nil }
        self.init(address: address, port: port, count: count, interface_address: interface)
    }
}

private func parse(_ text: Substring) -> UInt32? {
    var address: UInt32 = 0
    // Safe because both pointers are used during the call only.
    return unsafe bench_parse_address(String(text), &address) == 0 ? address : nil
}
