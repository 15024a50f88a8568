import HTTPHosting
import RelayEngine
import RelayModel

// /v1/interfaces

extension API {
    var interfaceRoutes: [Route] {
        [
            Route(.get, "/v1/interfaces") { request, _ throws(Problem) in
                _ = try QueryReader(request, allowed: [])
                return .now(try Self.listInterfaces())
            }
        ]
    }

    private static func listInterfaces() throws(Problem) -> Response {
        let interfaces: [NetworkInterface]
        do {
            interfaces = try HostNetwork.interfaces()
        } catch {
            throw .internalError("\(error.operation): \(error.name)")
        }
        return .json { writer in
            writer.beginObject()
            writer.key("items")
            writer.beginArray()
            for interface in interfaces { writer.interface(interface) }
            writer.endArray()
            writer.member("total", interfaces.count)
            writer.endObject()
        }
    }
}
