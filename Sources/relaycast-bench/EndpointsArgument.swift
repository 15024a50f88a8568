import ArgumentParser
import CBenchReference

/// Endpoints as the command line writes them: "ADDRESS:PORT" or "ADDRESS:PORT+COUNT", and behind
/// it, for groups, "@INTERFACE-ADDRESS".
struct EndpointsArgument: ExpressibleByArgument {
    /// The same for the reference programs.
    let value: bench_endpoints

    init?(argument: String) {
        let halves = argument.split(separator: "@", maxSplits: 1)
        guard let endpoint = halves.first, let colon = endpoint.lastIndex(of: ":") else {
            return nil
        }
        let numbers = endpoint[endpoint.index(after: colon)...].split(separator: "+", maxSplits: 1)
        let interface = halves.count == 2 ? parse(halves[1]) : 0
        guard let address = parse(endpoint[..<colon]), let interface,
            let port = numbers.first.flatMap({ UInt16($0) }),
            let count = numbers.count == 2 ? UInt16(numbers[1]) : 1
        else { return nil }
        value = bench_endpoints(
            address: address,
            port: port,
            count: count,
            interface_address: interface
        )
    }
}

private func parse(_ text: Substring) -> UInt32? {
    var address: UInt32 = 0
    // Safe because both pointers are used during the call only.
    return unsafe bench_parse_address(String(text), &address) == 0 ? address : nil
}
