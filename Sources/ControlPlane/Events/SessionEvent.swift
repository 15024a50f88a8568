import HTTPHosting
import RelayModel

/// One change of the set of sessions.
///
/// A thousand of them are remembered, so they share what they can with their sessions, and are
/// written when they are sent.
struct SessionEvent: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case created = "session.created"
        case updated = "session.updated"
        /// Its state has changed, or what the system granted it.
        case state = "session.state"
        case deleted = "session.deleted"
        /// A warning has begun or ended.
        case warning = "session.warning"
    }

    let revision: Revision
    let kind: Kind
    /// The session's labels, after the change.
    let labels: [String: String]
    /// Its labels before the change.
    let previousLabels: [String: String]
    let name: SessionName
    let id: SessionID
    /// Members of the session that it shares with it, where it tells of the whole session.
    let fixedMembers: [UInt8]?
    /// The members that were as they are said here: of the session, or of the event.
    let members: [UInt8]

    /// What a watcher is sent who sees the sessions that `sees` chooses by their labels; nil =
    /// nothing.
    func frame(where sees: ([String: String]) -> Bool) -> [UInt8]? {
        if sees(labels) { return frame }
        return sees(previousLabels) ? farewell : nil
    }
}

extension SessionEvent {
    /// The event as text/event-stream.
    var frame: [UInt8] {
        EventFrame.event(kind.rawValue, id: revision.description) { writer in
            writer.member("revision", revision.description)
            if let fixedMembers {
                writer.key("session")
                writer.beginObject()
                writer.raw(fixedMembers)
                writer.raw(members)
                writer.endObject()
            } else {
                identify(&writer)
                if !members.isEmpty { writer.raw(members) }
            }
        }
    }

    /// For those who no longer see the session after the change: that it is gone.
    var farewell: [UInt8] {
        EventFrame.event(Kind.deleted.rawValue, id: revision.description) { writer in
            writer.member("revision", revision.description)
            identify(&writer)
        }
    }

    private func identify(_ writer: inout JSONWriter) {
        writer.member("name", name.description)
        writer.member("id", id)
    }

    /// What remembering it costs at most: its session may have another definition by now.
    var bytes: Int {
        let own = members.count + (fixedMembers?.count ?? 0)
        return [labels, previousLabels].reduce(own) { sum, labels in
            labels.reduce(sum) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        }
    }
}

/// An event as it is sent, written once for all who watch.
struct WrittenEvent: Sendable {
    private let labels: [String: String]
    private let previousLabels: [String: String]
    private let frame: [UInt8]
    private let farewell: [UInt8]

    init(_ event: SessionEvent) {
        (labels, previousLabels) = (event.labels, event.previousLabels)
        frame = event.frame
        farewell = labels == previousLabels ? [] : event.farewell
    }

    /// See `SessionEvent.frame(where:)`.
    func frame(where sees: ([String: String]) -> Bool) -> [UInt8]? {
        if sees(labels) { return frame }
        return labels != previousLabels && sees(previousLabels) ? farewell : nil
    }
}

/// A place in the history of one run of the daemon: `INSTANCE-NUMBER`.
struct Revision: Sendable, Hashable, CustomStringConvertible {
    /// Made up at each start, so that places in another run's history are told apart: 8
    /// hexadecimal digits.
    let instance: String
    /// Counts the events, from 1; 0 = before the first.
    let number: UInt64

    var description: String { "\(instance)-\(number)" }

    /// The rule in the words of an error message.
    static let rule = "8 hexadecimal digits, '-' and a number, as in the revision of a list"

    init(instance: String, number: UInt64) {
        self.instance = instance
        self.number = number
    }

    /// Reads a revision as it is written.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 8,
            parts[0].utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
            }),
            (1...19).contains(parts[1].utf8.count),
            parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(parts[1]),
            number.description == parts[1]
        else { return nil }
        self.init(instance: String(parts[0]), number: number)
    }
}
