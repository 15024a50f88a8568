import HTTPHosting
import HTTPTypes
import RelayEngine
import Testing

@testable import ControlPlane

/// Readers that read while sessions come and go.
@Suite struct ConcurrencyTests {
    @Test func readersNeverSeeHalfASession() throws {
        let service = try Service(store: MemoryStore())
        let isOver = HTTPHosting.Locked(false)
        let faults = HTTPHosting.Locked<[String]>([])
        let readers = try (0..<3).map { reader in
            try WorkerThread(name: "reader") { [service] in
                while !isOver.withLock({ $0 }) {
                    if let fault = Self.read(service, as: reader) {
                        faults.withLock { $0.append(fault) }
                    }
                }
            }
        }
        defer {
            isOver.withLock { $0 = true }
            for reader in readers { reader.join() }
            #expect(faults.withLock { Array(Set($0)) } == [])
        }
        let port = try service.freePort()
        for round in 0..<100 {
            let group = #""group":"239.255.11.1","port":\#(port),"interface":"lo""#
            try service.mustCreate(#""name":"in","kind":"multicast-receiver",\#(group)"#)
            try service.mustCreate(#""name":"out","kind":"multicast-sender",\#(group)"#)
            let sent = try service.post("/v1/sessions/out/datagrams", #"{"text":"\#(round)"}"#)
            #expect(sent.status == .ok)
            #expect(try service.delete("in").status == .noContent)
            #expect(try service.delete("out").status == .noContent)
        }
        #expect(try service.get("/v1/sessions").json["total"]?.integer == 0)
    }

    /// What is wrong with one round of reads; nil when nothing is.
    private static func read(_ service: Service, as reader: Int) -> String? {
        do {
            let list = try service.get("/v1/sessions?include=counters").json
            let names = list["items"]?.elements.compactMap { $0["name"]?.string } ?? []
            if names != names.sorted() || list["total"]?.integer != names.count {
                return "list \(list)"
            }
            for path in ["in", "out", "in/counters", "out/packets", "in/packets"] {
                let response = try service.get("/v1/sessions/\(path)")
                let isGone =
                    try response.status == .notFound && response.problemCode == "session-not-found"
                if response.status != .ok && !isGone { return "\(path): \(response.text)" }
                if response.status == .ok && path.hasSuffix("counters") {
                    if let fault = unbalanced(try response.json) { return fault }
                }
            }
            // Sending to a session that is about to go must be answered, one way or the other.
            if reader == 0 {
                let sent = try service.post("/v1/sessions/out/datagrams", #"{"text":"x"}"#)
                if sent.status != .ok && sent.status != .notFound && sent.status != .conflict {
                    return "send: \(sent.text)"
                }
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static func unbalanced(_ counters: JSONValue) -> String? {
        let dropped =
            counters["dropped"]?.keys.compactMap { counters["dropped"]?[$0]?.integer } ?? []
        let accepted = counters["accepted"]?["datagrams"]?.integer ?? -1
        let received = counters["received"]?["datagrams"]?.integer
        return received == accepted + dropped.reduce(0, +) ? nil : "\(counters)"
    }

    @Test func writesFromManyThreadsAreDoneOneByOne() throws {
        let service = try Service(store: MemoryStore())
        let outcomes = HTTPHosting.Locked<[Int]>([])
        let threads = try (0..<8).map { _ in
            try WorkerThread(name: "writer") { [service] in
                for number in 0..<20 {
                    let members =
                        #""name":"s-\#(number)","kind":"broadcast","port":9,"enabled":false"#
                    let status = try? service.create(members).status.code
                    outcomes.withLock { $0.append(status ?? 0) }
                }
            }
        }
        for thread in threads { thread.join() }
        let all = outcomes.withLock { $0 }
        #expect(all.filter { $0 == 201 }.count == 20)
        #expect(all.filter { $0 == 409 }.count == 140)
    }
}
