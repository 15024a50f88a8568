import CRelaySocket

/// An epoll instance (epoll(7)), level-triggered, with room for the events of one wait.
struct Poller: ~Copyable {
    struct Event {
        let token: UInt64
        let isReadable: Bool
        let isWritable: Bool
        let hasError: Bool
    }

    private let descriptor: Descriptor
    private var events: [relay_event]
    /// Events that the last wait reported.
    private(set) var count = 0

    init() throws(SystemCallError) {
        descriptor = Descriptor(
            owning: try SystemCallError.check("epoll_create1", relay_epoll_create())
        )
        events = Array(repeating: relay_event(), count: Int(RELAY_EVENTS_MAX))
    }

    /// Its descriptor's number: readable for another poller when it has events.
    var number: Int32 { descriptor.number }

    func add(_ number: Int32, token: UInt64) throws(SystemCallError) {
        try SystemCallError.check("epoll_ctl", relay_epoll_add(descriptor.number, number, token))
    }

    /// How a socket is watched.
    enum Watch {
        /// For datagrams and errors.
        case readable
        /// For errors only.
        case errors
        /// For errors, until the first of them is reported.
        case nothing
        /// For datagrams and errors, until the first of them is reported.
        case readableOnce
        /// For buffer space too.
        case writable
    }

    /// Watches a socket in another way, from now on.
    func change(_ number: Int32, token: UInt64, to watch: Watch) throws(SystemCallError) {
        try SystemCallError.check(
            "epoll_ctl",
            relay_epoll_modify(
                descriptor.number,
                number,
                token,
                watch == .nothing || watch == .errors ? 0 : 1,
                watch == .writable ? 1 : 0,
                watch == .nothing || watch == .readableOnce ? 1 : 0
            )
        )
    }

    func remove(_ number: Int32) throws(SystemCallError) {
        try SystemCallError.check("epoll_ctl", relay_epoll_remove(descriptor.number, number))
    }

    /// Waits for events; nil waits for ever.
    mutating func wait(timeoutNanoseconds: Int64?) throws(SystemCallError) {
        let number = descriptor.number
        // Safe because the array has RELAY_EVENTS_MAX elements, the most the call writes.
        let result = unsafe events.withUnsafeMutableBufferPointer { buffer in
            unsafe relay_epoll_wait(number, buffer.baseAddress, timeoutNanoseconds ?? -1)
        }
        count = 0
        count = Int(try SystemCallError.check("epoll_wait", result))
    }

    func event(_ index: Int) -> Event {
        let event = events[index]
        return Event(
            token: event.token,
            isReadable: event.readable != 0,
            isWritable: event.writable != 0,
            hasError: event.failed != 0
        )
    }
}

/// A counter that wakes a poller from any thread (eventfd(2)).
final class WakeSignal: Sendable {
    let descriptor: Descriptor

    init() throws(SystemCallError) {
        descriptor = Descriptor(
            owning: try SystemCallError.check("eventfd", relay_eventfd_create())
        )
    }

    func signal() { relay_eventfd_signal(descriptor.number) }

    func drain() { relay_eventfd_drain(descriptor.number) }
}
