import Glibc
import RelayModel

// MARK: - Targets that wait, and interfaces that change

extension RelayEngine {
    /// Gives the targets that wait their sockets where that is possible by now, and those whose
    /// interface has gone, or whose route has changed, new ones; nil when nothing has changed.
    ///
    /// The session goes on meanwhile; no datagram is lost for the other targets.
    ///
    /// - Parameter admits: throws where the session must not use this interface.
    package func refreshTargets(
        _ session: RelaySession,
        interfaces: [NetworkInterface],
        admits: (InterfaceReference) throws(SessionError) -> Void = { _ in }
    ) -> RelaySession? {
        noteAddresses(of: interfaces)
        let targets = session.targets.map { refreshed($0, session, interfaces, admits) }
        let isSame = zip(targets, session.targets).allSatisfy { $0 === $1 }
        if isSame { return nil }
        let next = RelaySession(replacing: session, targets: targets)
        guard (try? ask({ done in .change(session, to: next, done: done) })) != nil else {
            return nil
        }
        Self.closeTargets(of: session, notIn: next)
        return next
    }

    private func refreshed(
        _ target: RelayTarget,
        _ session: RelaySession,
        _ interfaces: [NetworkInterface],
        _ admits: (InterfaceReference) throws(SessionError) -> Void
    ) -> RelayTarget {
        guard case .endpoint(let endpoint) = target.definition.destination else { return target }
        do throws(SessionError) {
            if let link = keptLink(of: target, endpoint, interfaces) {
                return try following(target, endpoint, link, interfaces, admits)
            }
            let path = try EgressPath.resolve(endpoint, interfaces: interfaces)
            if target.egress?.path == path && target.reason == nil { return target }
            try admits(path.interface)
            if let egress = target.egress, !needsReopening(egress, endpoint, now: path) {
                return target.following(path)
            }
            return try open(target.definition, endpoint, path, target.activity)
        } catch {
            // A route that is missing for the moment: the socket notices when it is back.
            if target.egress != nil && error.code == .networkUnreachable { return target }
            if target.reason == error && target.egress == nil { return target }
            return RelayTarget(target.definition, activity: target.activity, reason: error)
        }
    }

    /// The interface of a target that was named by its name or address: it is kept by its index until
    /// it goes (``LinkUse``). One that the route chose is not: the route may choose another.
    private func keptLink(
        of target: RelayTarget,
        _ endpoint: ForwardEndpoint,
        _ interfaces: [NetworkInterface]
    ) -> NetworkInterface? {
        guard endpoint.interface != nil, let egress = target.egress else { return nil }
        return interfaces.first { $0.index == egress.path.interface.index }
    }

    private func following(
        _ target: RelayTarget,
        _ endpoint: ForwardEndpoint,
        _ link: NetworkInterface,
        _ interfaces: [NetworkInterface],
        _ admits: (InterfaceReference) throws(SessionError) -> Void
    ) throws(SessionError) -> RelayTarget {
        let path = EgressPath(endpoint, by: link, interfaces: interfaces)
        let fault = LinkUse(endpoint).fault(of: link)
        if target.egress?.path == path && target.reason == fault { return target }
        try admits(path.interface)
        if let egress = target.egress, needsReopening(egress, endpoint, now: path), fault == nil {
            return try open(target.definition, endpoint, path, target.activity)
        }
        return target.following(path, reason: fault)
    }

    /// Sockets keep the index of their interface; a connected one also the source address.
    private func needsReopening(
        _ egress: RelayTarget.Egress,
        _ endpoint: ForwardEndpoint,
        now path: EgressPath
    ) -> Bool {
        egress.path.interface.index != path.interface.index
            || endpoint.localPort != 0 && egress.path.interface.address != path.interface.address
    }
}

// MARK: - Opening and closing

extension RelayEngine {
    /// Opens what the targets of a definition send with; targets that were open and have the same
    /// destination keep their sockets.
    ///
    /// Throws the first that cannot be opened, with its index, unless targets may wait.
    ///
    /// - Parameter former: what was observed of targets that come back.
    func openTargets(
        _ definition: SessionDefinition,
        path: ResolvedPath,
        activity: SessionActivity,
        keeping open: [RelayTarget],
        former: [TargetActivity] = [],
        mayWait: Bool,
        interfaces: [NetworkInterface],
        admits: (InterfaceReference) throws(SessionError) -> Void
    ) throws(SessionError) -> [RelayTarget] {
        var targets: [RelayTarget] = []
        let activities = activity.activities(of: definition.forward, former: former)
        for (index, target) in definition.forward.enumerated() {
            do {
                let kept = open.first { $0.definition.destination == target.destination }
                try targets.append(
                    openTarget(
                        target,
                        definition,
                        path,
                        activities[index],
                        kept,
                        interfaces,
                        admits
                    )
                )
            } catch {
                if mayWait && error.isOfTheMoment {
                    targets.append(
                        RelayTarget(target, activity: activities[index], reason: error)
                    )
                    continue
                }
                Self.close(targets, keeping: open)
                throw error.blaming(target: index)
            }
        }
        return targets
    }

    /// Throws where a target would send from the session's own port, which it does not share: that
    /// cannot be, whatever is closed for it.
    static func checkOwnPort(_ definition: SessionDefinition) throws(SessionError) {
        for (index, target) in definition.forward.enumerated() {
            guard case .endpoint(let endpoint) = target.destination,
                endpoint.localPort == definition.portToBind, endpoint.localPort != 0,
                endpoint.address.family == definition.family, !definition.sharesPort
            else { continue }
            let error = SystemCallError("bind port \(endpoint.localPort)", EADDRINUSE)
            throw SessionError(error).blaming(target: index)
        }
    }

    private func openTarget(
        _ target: ForwardTarget,
        _ definition: SessionDefinition,
        _ path: ResolvedPath,
        _ activity: TargetActivity,
        _ kept: RelayTarget?,
        _ interfaces: [NetworkInterface],
        _ admits: (InterfaceReference) throws(SessionError) -> Void
    ) throws(SessionError) -> RelayTarget {
        guard case .endpoint(let endpoint) = target.destination else {
            return RelayTarget(target, activity: activity)
        }
        if let egress = kept?.egress {
            return RelayTarget(target, activity: activity, egress: egress)
        }
        let egressPath = try EgressPath.resolve(endpoint, interfaces: interfaces)
        try admits(egressPath.interface)
        if definition.joins && endpoint.address == definition.group
            && endpoint.port == definition.port
            && egressPath.interface.index == path.interface?.index
        {
            throw SessionError(
                .forwardLoop,
                "\(definition.name) would send to \(egressPath.destination) on "
                    + "\(egressPath.interface.name), where it receives; name another interface"
            )
        }
        return try open(target, endpoint, egressPath, activity)
    }

    private func open(
        _ target: ForwardTarget,
        _ endpoint: ForwardEndpoint,
        _ path: EgressPath,
        _ activity: TargetActivity
    ) throws(SessionError) -> RelayTarget {
        do {
            let socket = try EgressSocket.open(
                endpoint,
                to: path.destination,
                interfaceIndex: path.interface.index,
                receives: false,
                descriptorCeiling: descriptorCeiling
            )
            return RelayTarget(
                target,
                activity: activity,
                egress: RelayTarget.Egress(
                    socket: socket,
                    path: path,
                    descriptorCeiling: descriptorCeiling,
                    sourcePortBudget: sourcePortBudget
                )
            )
        } catch {
            if endpoint.sourceMode == .preserve && error.number == EPERM {
                throw SessionError(
                    .permissionDenied,
                    "sourceMode preserve needs the capability CAP_NET_ADMIN or CAP_NET_RAW "
                        + "(\(error.operation): EPERM); give the daemon one, or use sourceMode own",
                    errno: "EPERM"
                )
            }
            throw SessionError(error)
        }
    }

    /// Closes the sockets of one value's targets that another value does not have.
    static func closeTargets(of session: RelaySession, notIn next: RelaySession?) {
        close(session.targets, keeping: next?.targets ?? [])
    }

    static func close(_ targets: [RelayTarget], keeping kept: [RelayTarget]) {
        for target in targets {
            guard let socket = target.egress?.socket else { continue }
            if !kept.contains(where: { $0.egress?.socket === socket }) { socket.close() }
        }
    }
}

extension SessionError {
    /// Whether time may heal it: what it is about may come back.
    fileprivate var isOfTheMoment: Bool {
        code == .interfaceUnavailable || code == .networkUnreachable || code == .addressInUse
    }

    /// The same error of a target of `forward`.
    fileprivate func blaming(target index: Int) -> SessionError {
        let text = "forward \(index): \(detail)"
        return SessionError(
            code,
            text,
            errno: errno,
            violations: [FieldViolation(.forward, index: index, .invalid, text)]
        )
    }
}
