import RelayModel
import Testing

@testable import ControlPlane

@Suite struct SharedPortsTests {
    var ports = SharedPorts()

    private func receiver(_ name: String, port: UInt16) throws -> SessionDefinition {
        SessionDefinition(
            name: try #require(SessionName(name)),
            kind: .multicastReceiver,
            group: IPAddress("239.1.2.3"),
            port: port
        )
    }

    @Test mutating func aPortIsSharedAsLongAsItHasSeveralSessions() throws {
        let definitions = try ["a", "b", "c"].map { try receiver($0, port: 4000) }
        let port = try #require(SharedPorts.Port(definitions[0]))
        for definition in definitions { ports.replace(nil, with: definition, of: definition.name) }
        #expect(ports.ports == [port] && ports.sessions(on: port).count == 3)
        let other = try receiver("a", port: 4001)
        ports.replace(definitions[0], with: other, of: other.name)
        #expect(ports.ports == [port] && ports.sessions(on: port).count == 2)
        ports.replace(definitions[1], with: nil, of: definitions[1].name)
        #expect(ports.ports.isEmpty && ports.sessions(on: port) == [definitions[2].name])
        ports.replace(definitions[2], with: nil, of: definitions[2].name)
        #expect(ports.sessions(on: port).isEmpty)
        #expect(ports.sessions(on: try #require(SharedPorts.Port(other))) == [other.name])
    }
}
