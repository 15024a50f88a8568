import HTTPHosting
import RelayEngine
import RelayModel

extension JSONWriter {
    /// A page of recent packets with its cursor.
    mutating func packets(_ page: PacketPage, _ format: PayloadFormat) {
        var names: [Int32: String] = [:]
        beginObject()
        key("items")
        beginArray()
        for packet in page.items { self.packet(packet, format, &names) }
        endArray()
        member("next", page.next)
        if let oldest = page.oldest { member("oldest", oldest) }
        member("missed", page.missed)
        endObject()
    }

    /// One packet by itself.
    mutating func packet(_ packet: CapturedPacket, _ format: PayloadFormat) {
        var names: [Int32: String] = [:]
        self.packet(packet, format, &names)
    }

    private mutating func packet(
        _ packet: CapturedPacket,
        _ format: PayloadFormat,
        _ names: inout [Int32: String]
    ) {
        beginObject()
        member("sequence", packet.sequence)
        member("at", packet.at)
        member("direction", packet.direction.name)
        if let source = packet.source { endpoint("source", source) }
        endpoint("destination", packet.destination)
        member("destinationClass", packet.destinationClass.name)
        if let name = Self.interfaceName(packet.interfaceIndex, &names) {
            member("interface", name)
        }
        if let address = packet.localAddress { member("localAddress", address.description) }
        if let ttl = packet.ttl { member("ttl", ttl) }
        if let dscp = packet.dscp { member("dscp", dscp) }
        member("length", packet.length)
        member("capturedLength", packet.payload.count)
        verdict(packet)
        if let text = format.text(of: packet.payload) { member("payload", text) }
        endObject()
    }

    private mutating func verdict(_ packet: CapturedPacket) {
        if let reason = packet.dropReason {
            member("verdict", "dropped")
            member("reason", reason.word)
        } else {
            member("verdict", packet.direction == .sent ? "sent" : "accepted")
        }
    }

    /// nil for an interface that is not known or has gone.
    private static func interfaceName(_ index: Int32, _ names: inout [Int32: String]) -> String? {
        if index == 0 { return nil }
        if let name = names[index] { return name }
        let name = HostNetwork.interfaceName(index)
        names[index] = name
        return name
    }
}
