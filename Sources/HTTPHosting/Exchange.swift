import HTTPTypes

/// One request from its request line to the end of its response.
///
/// Not shared: everything in it happens on the listener's thread.
final class Exchange {
    /// How far the exchange is.
    enum Phase {
        /// The request line has arrived.
        case begun

        /// The header section was accepted; the body arrives.
        case receiving

        /// The connection is suspended until somebody answers.
        case waiting

        /// A response is on its way.
        case answered
    }

    /// The connection that it happens on.
    let connection: ConnectionContext

    /// The request's id.
    let id = RequestID.next()

    /// When the request line had arrived, on CLOCK_MONOTONIC.
    let begunNanoseconds: UInt64

    /// The request target as sent.
    let target: String

    /// How far the exchange is.
    var phase = Phase.begun

    /// Whether it was answered later.
    var wasSuspended = false

    /// The status sent, and the length of what was sent with it.
    var status: Int?
    var responseBytes = 0

    /// The gate's refusal, held back until the body has arrived and the delay is over.
    private(set) var delayedRefusal: (problem: Problem, delayMilliseconds: Int)?

    /// The body that goes on, if there is one.
    var stream: ResponseStream?

    /// Whether only a header section is asked for.
    var isHead: Bool { method == .head }

    /// The origin besides our own whose page asks, and may read the response.
    private(set) var allowedOrigin: String?

    private var preflight: Response?
    private var principal: String?
    private var method = HTTPRequest.Method.get
    private var path: String?
    private var request: Request?
    private var match: RouteMatch?
    private var bodyBytes = 0
    private var bodyBytesMax = 0
    private var keepsBody = false
    private var isOverBudget = false

    /// What the body has taken of the listener's budget.
    private(set) var budgetedBytes = 0

    /// An exchange whose request line has arrived.
    init(connection: ConnectionContext, target: String, begunNanoseconds: UInt64) {
        self.connection = connection
        self.target = target
        self.begunNanoseconds = begunNanoseconds
    }

    /// Takes in the header section: framing, host, origin, route and announced length.
    ///
    /// - Throws: why the request is refused before its body.
    func begin(
        method methodText: String,
        version: String,
        headers: HeaderSection,
        listener: HTTPListener
    ) throws(Problem) {
        // First, so that a refusal is logged with the method that was sent.
        self.method = HTTPRequest.Method(methodText) ?? self.method
        if let problem = headers.framingProblem { throw problem }
        guard version == "HTTP/1.1" || version == "HTTP/1.0" else {
            throw .badFraming("The HTTP version is not 1.0 or 1.1.")
        }
        guard let method = HTTPRequest.Method(methodText) else {
            throw .badFraming("The method has a character that it must not have.")
        }
        self.method = method
        let target = try RequestTarget(target)
        path = target.path
        try checkOrigin(headers, target, listener.hostPolicy, listener.originPolicy)

        var request = Request(
            id: id,
            method: method,
            target,
            fields: headers.fields,
            peer: connection.peer
        )
        let match = listener.routes.match(request)
        if case .refused(let problem) = match, Self.isStray(method, problem) { throw problem }
        bodyBytesMax = listener.configuration.bodyBytesMax
        if case .found(let index, _) = match {
            bodyBytesMax = listener.routes.routes[index].bodyBytesMax ?? bodyBytesMax
            keepsBody = !listener.routes.routes[index].consumes.isEmpty
        }
        self.match = match
        if method == .options, allowedOrigin != nil, headers.requestedMethod != nil,
            let allow = listener.routes.allow(request)
        {
            preflight = Preflight.response(allow: allow)
            keepsBody = false
        } else if let gate = listener.configuration.gate {
            request.principal = try pass(gate, request, listener.routes)
        }
        self.request = request
        if let length = headers.contentLength {
            if length > bodyBytesMax { throw .bodyTooLarge(bytesMax: bodyBytesMax) }
            // Not for what may never come.
            let reserved = min(length, BodyBudget.freeBytes)
            if keepsBody { self.request?.body.reserveCapacity(reserved) }
        }
        phase = .receiving
    }

    /// Whether the request is probably no request but the rest of another, whose end two parsers
    /// saw in different places; what comes after it on the connection is not worth reading then.
    private static func isStray(_ method: HTTPRequest.Method, _ problem: Problem) -> Bool {
        problem.status == .notImplemented || method == .trace
    }

    /// Takes in a piece of the body.
    func receive(_ piece: Span<UInt8>, _ budget: BodyBudget) {
        bodyBytes += piece.count
        guard bodyBytes <= bodyBytesMax, !isOverBudget else {
            // The library takes no response before the end; the deadline bounds how much comes.
            request?.body = []
            return
        }
        guard keepsBody else { return }
        let needed = max(bodyBytes - BodyBudget.freeBytes, 0) - budgetedBytes
        guard needed == 0 || budget.take(needed) else {
            isOverBudget = true
            request?.body = []
            return
        }
        budgetedBytes += needed
        for index in piece.indices { request?.body.append(piece[index]) }
    }

    /// Answers the request, whose body has arrived.
    func answer(_ routes: RouteTable) -> Answer {
        guard let request = request.take(), let match else {
            preconditionFailure("An exchange is answered once, and after it has begun.")
        }
        guard bodyBytes <= bodyBytesMax else {
            let problem = Problem.bodyTooLarge(bytesMax: bodyBytesMax)
            return .now(problem.response(requestID: id))
        }
        if isOverBudget { return .now(Problem.overloaded.response(requestID: id)) }
        if let preflight { return .now(preflight) }
        return routes.answer(request, match)
    }

    /// What is known of the request, when it is over.
    func record(endedNanoseconds: UInt64, _ routes: RouteTable) -> RequestRecord {
        var template: String?
        if case .found(let index, _) = match { template = routes.routes[index].template }
        return RequestRecord(
            id: id,
            method: method,
            route: template,
            path: path ?? String(target.prefix { $0 != "?" }),
            status: status,
            responseBytes: method == .head ? 0 : responseBytes,
            durationNanoseconds: endedNanoseconds - begunNanoseconds,
            peer: connection.peer,
            principal: principal
        )
    }

    private func pass(
        _ gate: Gate,
        _ request: Request,
        _ routes: RouteTable
    ) throws(Problem) -> (any Principal)? {
        var route: Route?
        if case .found(let index, _) = match { route = routes.routes[index] }
        switch gate(request, route) {
        case .admit(let principal):
            self.principal = principal?.id
            return principal
        case .refuse(let problem, let delayMilliseconds, let principal):
            self.principal = principal?.id
            guard delayMilliseconds > 0 else { throw problem }
            delayedRefusal = (problem, delayMilliseconds)
            keepsBody = false
            return nil
        }
    }

    private func checkOrigin(
        _ headers: HeaderSection,
        _ target: RequestTarget,
        _ policy: HostPolicy,
        _ origins: OriginPolicy
    ) throws(Problem) {
        guard let field = headers.host.value, !headers.host.isRepeated else {
            throw .badHost("There must be exactly one Host field.")
        }
        let host = target.authority ?? field
        if host != connection.acceptedHost {
            try policy.check(host: host)
            connection.acceptedHost = host
        }
        allowedOrigin = try origins.check(headers, host: host)
    }
}

/// What is remembered from one request of a connection to the next.
final class ConnectionContext {
    /// When its patience ends.
    let timer: ConnectionTimer

    /// The other end; TLS adds what it verified before the first request.
    var peer: Peer

    /// What is shown to the client if it speaks TLS.
    let identity: TLSIdentity?

    /// The host that was accepted last, as sent: clients repeat themselves.
    var acceptedHost: String?

    /// A new connection.
    init(timer: ConnectionTimer, peer: Peer, identity: TLSIdentity?) {
        self.timer = timer
        self.peer = peer
        self.identity = identity
    }
}
