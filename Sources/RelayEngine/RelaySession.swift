import RelayModel

/// A session with an open socket: what the engine runs, and what was granted to it.
///
/// After a change in place there is another value for the same socket; the engine takes either for
/// the session.
package final class RelaySession: Sendable {
    let shared: SharedDefinition
    package var definition: SessionDefinition { shared.value }
    package let activity: SessionActivity
    let path: ResolvedPath
    let socket: SessionSocket
    /// Where datagrams wait for the handler that answers them; nil where none does.
    let handler: HandlerQueue?
    /// The targets of `forward`, in their order.
    let targets: [RelayTarget]
    /// The receive buffer that the kernel granted.
    package let receiveBufferBytes: Int

    init(
        _ shared: SharedDefinition,
        activity: SessionActivity,
        path: ResolvedPath,
        socket: SessionSocket,
        handler: HandlerQueue?,
        targets: [RelayTarget],
        receiveBufferBytes: Int
    ) {
        self.shared = shared
        self.activity = activity
        self.path = path
        self.socket = socket
        self.handler = handler
        self.targets = targets
        self.receiveBufferBytes = receiveBufferBytes
    }

    /// The same session with other sockets for its targets.
    convenience init(replacing session: RelaySession, targets: [RelayTarget]) {
        self.init(
            session.shared,
            activity: session.activity,
            path: session.path,
            socket: session.socket,
            handler: session.handler,
            targets: targets,
            receiveBufferBytes: session.receiveBufferBytes
        )
    }

    /// The same session as the host is now.
    convenience init(replacing session: RelaySession, path: ResolvedPath) {
        self.init(
            session.shared,
            activity: session.activity,
            path: path,
            socket: session.socket,
            handler: session.handler,
            targets: session.targets,
            receiveBufferBytes: session.receiveBufferBytes
        )
    }

    /// The interface in use; nil only for a broadcast receiver on every interface.
    package var interface: InterfaceReference? { path.interface }

    /// How the targets of `forward` fare, in their order; nil for those that another session
    /// sends for.
    package var targetStatuses: [TargetStatus?] { targets.map(\.status) }

    /// What the socket is bound to.
    package var localEndpoint: Endpoint { socket.localEndpoint }

    /// Larger than that of every session whose socket was bound before.
    package var openingOrder: UInt64 { socket.openingOrder }

    /// Where posted datagrams go; nil for a session that only receives.
    package var destination: Endpoint? { path.destination }
}
