import RelayModel

extension RelayEngine {
    /// Throws what `open` would throw on a port that is free, and opens nothing that stays.
    package func rehearse(
        _ definition: SessionDefinition,
        activity: SessionActivity,
        targetsMayWait: Bool,
        admits: (InterfaceReference) throws(SessionError) -> Void
    ) throws(SessionError) {
        let interfaces = try Self.interfaces()
        let path = try ResolvedPath.resolve(definition, interfaces: interfaces)
        if let interface = path.interface { try admits(interface) }
        var elsewhere = definition
        (elsewhere.port, elsewhere.localPort) = (0, 0)
        let (socket, _) = try openSocket(elsewhere, path)
        defer { socket.close() }
        do throws(SessionError) {
            let targets = try openTargets(
                definition,
                path: path,
                activity: activity,
                keeping: [],
                mayWait: targetsMayWait,
                interfaces: interfaces,
                admits: admits
            )
            Self.close(targets, keeping: [])
        } catch {
            // It may want the very port that is not free yet.
            if error.code != .addressInUse { throw error }
        }
    }
}
