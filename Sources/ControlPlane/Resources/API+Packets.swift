import HTTPHosting
import RelayEngine
import RelayModel

// /v1/sessions/{name}/packets

extension API {
    var packetRoutes: [Route] {
        [
            Route(
                .get,
                "/v1/sessions/{name}/packets",
                scope: Scope.readPackets.rawValue
            ) {
                [self] request, parameters throws(Problem) in try getPackets(request, parameters)
            }
        ]
    }

    /// What a client wants to see of a session's packets.
    private struct PacketQuery {
        let after: UInt64?
        let limit: Int
        let direction: CapturedPacket.Direction?
        let format: PayloadFormat
        let waitSeconds: Int

        init(_ request: Request) throws(Problem) {
            let query = try QueryReader(
                request,
                allowed: ["after", "limit", "direction", "payload", "wait"]
            )
            after = try query.integer("after", in: 0...UInt64(Int64.max))
            limit = try query.integer("limit", in: 1...1000) ?? 100
            direction = try query.word("direction", ["received", "sent"]) { word in
                CapturedPacket.Direction.allCases.first { $0.name == word }
            }
            format =
                try query.word(
                    "payload",
                    PayloadFormat.allCases.map(\.rawValue),
                    PayloadFormat.init(rawValue:)
                ) ?? .base64
            waitSeconds = try query.integer("wait", in: 0...30) ?? 0
        }
    }

    private func getPackets(
        _ request: Request,
        _ parameters: PathParameters
    ) throws(Problem) -> Answer {
        let query = try PacketQuery(request)
        let session = try session(request, parameters)
        if request.wantsEvents { return try follow(session, query, request) }
        let page = Self.page(session, query, after: query.after)
        if !page.items.isEmpty || query.waitSeconds == 0 || draining || session.definition == nil {
            return .now(Self.response(page, query))
        }
        return wait(session, query, after: page.next)
    }

    /// Streams the packets as they come: after the last one that the client has seen or, without,
    /// from now on.
    private func follow(
        _ session: ManagedSession,
        _ query: PacketQuery,
        _ request: Request
    ) throws(Problem) -> Answer {
        let cursor: UInt64
        if let last = request.fields[.lastEventID] {
            // All is new to who followed another incarnation, or an earlier run of the daemon.
            cursor = PacketEventID.sequence(last, of: session) ?? 0
        } else if let after = query.after {
            cursor = after
        } else {
            cursor = session.activity.recentPackets.page(after: UInt64(Int64.max), limit: 1).next
        }
        return try stream(request) { [registry, control] stream in
            PacketFollower(
                session,
                stream,
                registry,
                control,
                after: cursor,
                direction: query.direction,
                format: query.format,
                reaches: { request.reaches($0) }
            ).begin()
        }
    }

    private static func page(
        _ session: ManagedSession,
        _ query: PacketQuery,
        after cursor: UInt64?
    ) -> PacketPage {
        session.activity.recentPackets.page(
            after: cursor,
            limit: query.limit,
            direction: query.direction
        )
    }

    private static func response(_ page: PacketPage, _ query: PacketQuery) -> Response {
        .json { $0.packets(page, query.format) }
    }

    /// Answers when a packet comes, or when the time is over.
    private func wait(
        _ session: ManagedSession,
        _ query: PacketQuery,
        after cursor: UInt64
    ) -> Answer {
        .later { [self, control] completion in
            let recentPackets = session.activity.recentPackets
            let timer = Locked<UInt64?>(nil)
            let answer: @Sendable () -> Void = {
                if let timer = timer.withLock({ $0 }) { control.cancelTimer(timer) }
                completion.resume { Self.response(Self.page(session, query, after: cursor), query) }
            }
            switch recentPackets.wait(after: cursor, direction: query.direction, wake: answer) {
            case .ready: answer()
            case .full: completion(Problem.tooManyWaiters)
            case .waiting(let token):
                let scheduled = control.schedule(
                    afterNanoseconds: Int64(query.waitSeconds) * 1_000_000_000
                ) { recentPackets.cancelWait(token) }
                timer.withLock { $0 = scheduled }
                // Deleted, or draining, since the session was looked up: nobody else wakes it.
                if draining || registry.session(session.name)?.activity !== session.activity {
                    recentPackets.cancelWait(token)
                }
            }
        }
    }
}

extension Request {
    /// Whether the client asks for text/event-stream, and for nothing that goes before it.
    fileprivate var wantsEvents: Bool {
        guard let accept = fields[.accept] else { return false }
        let first = accept.split(separator: ",").first ?? ""
        let type = first.prefix { $0 != ";" }
        return type.filter { $0 != " " }.lowercased() == "text/event-stream"
    }
}

extension Problem {
    /// 503: the session has as many long polls as it takes.
    fileprivate static var tooManyWaiters: Problem {
        var problem = Problem.overloaded
        problem.detail =
            "\(RecentPackets.waitersMax) requests wait for packets of this session already; "
            + "ask without wait"
        return problem
    }
}
