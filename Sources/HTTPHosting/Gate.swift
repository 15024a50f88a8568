/// Decides who may do what.
///
/// It is asked once for each request whose framing, host and origin are in order, on the
/// listener's thread, before the body arrives; so the request has no body yet, and the gate must
/// not block. The route is nil where none answers method and path.
package typealias Gate = @Sendable (Request, Route?) -> GateDecision

/// What a gate says to a request.
package enum GateDecision: Sendable {
    /// The request goes on, in this name; nil where nobody needs to be known.
    case admit((any Principal)?)

    /// The request is answered with the problem. With a delay its body is taken in and discarded
    /// first, and the problem is held back that long, so that guessing secrets is slow. The
    /// principal, if one is known all the same, is for the record.
    case refuse(Problem, delayMilliseconds: Int, principal: (any Principal)? = nil)
}
