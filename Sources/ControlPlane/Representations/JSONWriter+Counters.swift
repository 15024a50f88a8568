import HTTPHosting
import RelayEngine
import RelayModel

extension JSONWriter {
    /// A session's counters, rates and busiest senders at this moment.
    mutating func counters(of session: ManagedSession) {
        let now = HostNetwork.now()
        let values = session.activity.counterValues()
        let summary = session.activity.recentPackets.summary()
        beginObject()
        member("name", session.name.description)
        member("id", session.id.description)
        member("at", now)
        member("uptimeSeconds", max(now.seconds(since: session.observedSince), 0))
        traffic("received", values.received)
        traffic("accepted", values.accepted)
        traffic("sent", values.sent)
        traffic("forwarded", values.forwarded)
        replied(values)
        if session.definition?.reply?.handler != nil { handler(values.handler) }
        dropped(values)
        lost(values)
        member("truncated", values.truncated)
        if let moment = values.lastReceivedAt { member("lastReceivedAt", moment) }
        if let moment = values.lastSentAt { member("lastSentAt", moment) }
        if let error = summary.lastError { lastError(error) }
        rates(session.activity.rates())
        sources(summary.sources)
        endObject()
    }

    private mutating func traffic(_ name: String, _ traffic: Traffic) {
        key(name)
        beginObject()
        member("datagrams", traffic.datagrams)
        member("bytes", traffic.bytes)
        endObject()
    }

    private mutating func replied(_ values: CounterValues) {
        key("replied")
        beginObject()
        member("datagrams", values.replied.datagrams)
        member("bytes", values.replied.bytes)
        member("rateLimited", values.repliesRateLimited)
        endObject()
    }

    private mutating func handler(_ values: HandlerValues) {
        key("handler")
        beginObject()
        member("runs", values.runs)
        key("failed")
        beginObject()
        for failure in HandlerFailure.allCases {
            member(failure.name, values.failed[failure.rawValue])
        }
        endObject()
        member("busy", values.busy)
        endObject()
    }

    private mutating func dropped(_ values: CounterValues) {
        key("dropped")
        beginObject()
        for reason in DropReason.allCases {
            member(reason.name, values.dropped[Int(reason.rawValue)])
        }
        endObject()
    }

    private mutating func lost(_ values: CounterValues) {
        key("lost")
        beginObject()
        if let drops = values.lostReceiveBufferFull { member("receiveBufferFull", drops) }
        member("sendBufferFull", values.lostSendBufferFull)
        member("sendFailed", values.lostSendFailed)
        endObject()
    }

    private mutating func lastError(_ error: TransferError) {
        key("lastError")
        beginObject()
        member("at", error.at)
        member("operation", error.operation)
        member("errno", error.errno)
        endObject()
    }

    private mutating func rates(_ rates: [TrafficRates]) {
        key("rates")
        beginObject()
        for (window, rates) in zip(["1s", "10s", "60s"], rates) {
            key(window)
            beginObject()
            member("receivedDatagrams", rates.receivedDatagrams)
            member("receivedBits", rates.receivedBits)
            member("sentDatagrams", rates.sentDatagrams)
            member("sentBits", rates.sentBits)
            endObject()
        }
        endObject()
    }

    private mutating func sources(_ sources: [SourceActivity]) {
        key("sources")
        beginArray()
        for source in sources {
            beginObject()
            member("address", source.source.address.description)
            member("port", source.source.port)
            member("datagrams", source.traffic.datagrams)
            member("bytes", source.traffic.bytes)
            member("lastAt", source.lastAt)
            endObject()
        }
        endArray()
    }
}
