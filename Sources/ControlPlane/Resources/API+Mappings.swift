import HTTPHosting
import RelayModel

// /v1/sessions/{name}/mappings

extension API {
    var mappingRoutes: [Route] {
        [
            Route(.get, "/v1/sessions/{name}/mappings") {
                [self] request, parameters throws(Problem) in
                _ = try QueryReader(request, allowed: [])
                let session = try session(request, parameters)
                return .now(.json { $0.mappings(of: session) })
            }
        ]
    }
}
