import HTTPHosting
import HTTPTypes

// /openapi.yaml

extension API {
    var contractRoutes: [Route] {
        [
            Route(.get, "/openapi.yaml") { request, _ throws(Problem) in
                _ = try QueryReader(request, allowed: [])
                return .now(Self.contract)
            }
        ]
    }

    private static let contract = Response(
        status: .ok,
        fields: [.contentType: "application/yaml", .cacheControl: "no-cache"],
        body: EmbeddedFile.contract
    )
}
