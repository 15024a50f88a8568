import Glibc
import HTTPHosting
import RelayEngine
import RelayModel

// /v1/server

extension API {
    var serverRoutes: [Route] {
        [
            Route(.get, "/v1/server") { [self] request, _ throws(Problem) in
                _ = try QueryReader(request, allowed: [])
                return .now(server())
            }
        ]
    }

    private func server() -> Response {
        .json { writer in
            writer.beginObject()
            writer.member("version", ServiceOptions.version)
            writer.member("startedAt", startedAt)
            writer.member("uptimeSeconds", max(HostNetwork.now().seconds(since: startedAt), 0))
            writer.member("hostname", hostname)
            writer.member("pid", getpid())
            writer.key("listen")
            writer.beginArray()
            for url in boundURLs.withLock({ $0 }) { writer.value(url) }
            writer.endArray()
            writer.key("sessions")
            writer.beginObject()
            writer.member("total", registry.snapshot().sessions.count)
            writer.endObject()
            limits(&writer)
            capabilities(&writer)
            writer.key("handlers")
            writer.beginArray()
            for name in registry.engine.handlerNames { writer.value(name.description) }
            writer.endArray()
            writer.endObject()
        }
    }

    private func capabilities(_ writer: inout JSONWriter) {
        let missing = HostCapability.allCases.filter { !HostNetwork.has($0) }
        writer.key("capabilities")
        writer.beginArray()
        for capability in HostCapability.allCases {
            writer.beginObject()
            writer.member("name", capability.rawValue)
            writer.member("present", !missing.contains(capability))
            writer.member("enables", capability.enables)
            writer.endObject()
        }
        writer.endArray()
        writer.key("missingCapabilities")
        writer.beginArray()
        for capability in missing { writer.value(capability.rawValue) }
        writer.endArray()
    }

    private func limits(_ writer: inout JSONWriter) {
        writer.key("limits")
        writer.beginObject()
        for limit in ServiceLimits.all {
            writer.member(limit.name, options.limits[keyPath: limit.keyPath])
        }
        writer.member("addressBlocksMax", DefinitionLimits.addressBlocksMax)
        writer.member("sourcesMax", DefinitionLimits.sourcesMax)
        writer.member("targetsMax", DefinitionLimits.targetsMax)
        writer.member("recentPacketsMax", DefinitionLimits.recentPacketsMax)
        writer.member("recentPacketBytesMax", RecentPackets.payloadBytesMax)
        writer.member("snapLengthMax", DefinitionLimits.snapLengthMax)
        writer.member("datagramBytesMax", DefinitionLimits.datagramBytesMax)
        writer.member("datagramsPerRequestMax", DatagramsBody.datagramsMax)
        writer.member("applyItemsMax", Self.applyItemsMax)
        writer.member("applyBytesMax", max(Self.applyBytesMax, options.limits.bodyBytesMax))
        writer.member("eventsMax", EventLog.eventsMax)
        writer.endObject()
    }
}
