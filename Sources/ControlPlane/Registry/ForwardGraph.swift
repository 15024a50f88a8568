import RelayModel

/// Which sessions forward to which. In a circle of them no datagram would ever come to rest.
struct ForwardGraph {
    /// The sessions that a session forwards to; none for one that does not exist.
    let targets: (SessionName) -> [SessionName]

    /// The shortest circle that a session is in, beginning and ending with it.
    func circle(through name: SessionName) -> [SessionName]? {
        var cameFrom: [SessionName: SessionName] = [:]
        var reached = [name]
        var next = 0
        while next < reached.count {
            let session = reached[next]
            next += 1
            for target in targets(session) {
                if target == name { return path(to: session, cameFrom) + [name] }
                if cameFrom[target] != nil { continue }
                cameFrom[target] = session
                reached.append(target)
            }
        }
        return nil
    }

    private func path(
        to end: SessionName,
        _ cameFrom: [SessionName: SessionName]
    ) -> [SessionName] {
        var path = [end]
        while let last = path.last, let previous = cameFrom[last] { path.append(previous) }
        return path.reversed()
    }

    /// The sessions that are in circles, as far as they can be reached from some: those that reach
    /// one another are together (strongly connected components, by Tarjan). In time proportional
    /// to what is reached.
    func circles(from names: [SessionName]) -> [Set<SessionName>] {
        var search = CircleSearch(targets: targets)
        for name in names { search.visit(name) }
        return search.circles
    }
}

/// A depth-first search without recursion: chains may be as long as there are sessions.
private struct CircleSearch {
    let targets: (SessionName) -> [SessionName]
    private(set) var circles: [Set<SessionName>] = []

    private struct Step {
        let name: SessionName
        let targets: [SessionName]
        var next = 0
    }

    /// When a session was first met, and the earliest one that it leads back to.
    private struct Mark {
        let order: Int
        var lowest: Int
        var isOpen = true
    }

    private var marks: [SessionName: Mark] = [:]
    private var open: [SessionName] = []
    private var steps: [Step] = []

    init(targets: @escaping (SessionName) -> [SessionName]) { self.targets = targets }

    mutating func visit(_ start: SessionName) {
        if marks[start] != nil { return }
        enter(start)
        while var step = steps.popLast() {
            guard step.next < step.targets.count else {
                leave(step)
                continue
            }
            let target = step.targets[step.next]
            step.next += 1
            steps.append(step)
            if let mark = marks[target] {
                if mark.isOpen { lower(step.name, to: mark.order) }
            } else {
                enter(target)
            }
        }
    }

    private mutating func enter(_ name: SessionName) {
        marks[name] = Mark(order: marks.count, lowest: marks.count)
        open.append(name)
        steps.append(Step(name: name, targets: targets(name)))
    }

    private mutating func lower(_ name: SessionName, to order: Int) {
        guard let mark = marks[name] else { return }
        marks[name]?.lowest = min(mark.lowest, order)
    }

    private mutating func leave(_ step: Step) {
        guard let mark = marks[step.name] else { return }
        if let parent = steps.last { lower(parent.name, to: mark.lowest) }
        guard mark.lowest == mark.order else { return }
        var members: Set<SessionName> = []
        while let member = open.popLast() {
            marks[member]?.isOpen = false
            members.insert(member)
            if member == step.name { break }
        }
        if members.count > 1 || step.targets.contains(step.name) { circles.append(members) }
    }
}
