import RelayModel

/// Which datagrams a target would send back to the link that they came in by, and to those who have
/// heard them there already.
///
/// Links are compared, not spellings: on one link and port 255.255.255.255 and a directed broadcast
/// address reach the same hosts. Who was not reached there yet is sent to: another group, another
/// port, the broadcast address of another network of the link, and a group after a broadcast.
struct Reflection {
    private let destination: IPAddress
    private let isBroadcast: Bool
    private let interfaceIndex: Int32

    /// nil where the target sends to another port than the session receives on.
    init?(
        _ destination: Endpoint,
        isBroadcast: Bool,
        by interfaceIndex: Int32,
        ofPort port: UInt16
    ) {
        if destination.port != port { return nil }
        self.destination = destination.address
        self.isBroadcast = isBroadcast
        self.interfaceIndex = interfaceIndex
    }

    func holds(for datagram: ReceivedDatagram) -> Bool {
        guard datagram.interfaceIndex == interfaceIndex else { return false }
        if datagram.destination == destination { return true }
        return isBroadcast && datagram.destinationClass == .broadcast
            && (destination == .limitedBroadcast || datagram.destination == .limitedBroadcast)
    }
}
