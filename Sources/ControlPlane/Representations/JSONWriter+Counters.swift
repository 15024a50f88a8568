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
        let fixed = session.fixedMembers
        raw(fixed.bytes, fixed.name)
        raw(fixed.bytes, fixed.id)
        member("at", now)
        let uptime = max(now.nanoseconds - session.observedSince.nanoseconds, 0)
        member("uptimeSeconds", UInt64(uptime), decimals: 9)
        traffic("received", values.received)
        traffic("accepted", values.accepted)
        traffic("sent", values.sent)
        traffic("forwarded", values.forwarded)
        replied(values)
        if session.shared?.value.reply?.handler != nil { handler(values.handler) }
        dropped(values)
        lost(values)
        member("unreachable", values.unreachable)
        member("truncated", values.truncated)
        if let moment = values.lastReceivedAt { member("lastReceivedAt", moment) }
        if let moment = values.lastSentAt { member("lastSentAt", moment) }
        if let error = summary.lastError { lastError(error) }
        rates(session.activity.rates())
        sources(summary.sources)
        targetCounters(of: session)
        endObject()
    }

    private mutating func traffic(_ name: StaticString, _ traffic: Traffic) {
        beginObject(name)
        member("datagrams", traffic.datagrams)
        member("bytes", traffic.bytes)
        endObject()
    }

    private mutating func replied(_ values: CounterValues) {
        beginObject("replied")
        member("datagrams", values.replied.datagrams)
        member("bytes", values.replied.bytes)
        member("rateLimited", values.repliesRateLimited)
        member("answersIgnored", values.answers)
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
        beginObject("dropped")
        for reason in DropReason.allCases {
            member(reason.key, values.dropped[Int(reason.rawValue)])
        }
        endObject()
    }

    private mutating func lost(_ values: CounterValues) {
        beginObject("lost")
        if let drops = values.lostReceiveBufferFull { member("receiveBufferFull", drops) }
        member("sendBufferFull", values.lostSendBufferFull)
        member("sendFailed", values.lostSendFailed)
        endObject()
    }

    private mutating func lastError(_ error: TransferError) {
        beginObject("lastError")
        member("at", error.at)
        member("operation", error.operation)
        member("errno", error.errno)
        endObject()
    }

    private mutating func rates(_ rates: InlineArray<3, TrafficRates>) {
        beginObject("rates")
        self.rates("1s", rates[0])
        self.rates("10s", rates[1])
        self.rates("60s", rates[2])
        endObject()
    }

    private mutating func rates(_ window: StaticString, _ rates: TrafficRates) {
        beginObject(window)
        rate("receivedDatagrams", rates.receivedDatagrams)
        rate("receivedBits", rates.receivedBits)
        rate("sentDatagrams", rates.sentDatagrams)
        rate("sentBits", rates.sentBits)
        endObject()
    }

    /// In thousandths: nobody needs all digits of a mean, and they cost most of the object.
    private mutating func rate(_ name: StaticString, _ perSecond: Double) {
        let thousandths = perSecond > 0 ? UInt64(min(perSecond * 1000 + 0.5, 1e18)) : 0
        member(name, thousandths, decimals: 3)
    }

    private mutating func sources(_ sources: [SourceActivity]) {
        key("sources")
        beginArray()
        for source in sources {
            beginObject()
            member("address", source.source.address)
            member("port", UInt64(source.source.port))
            member("datagrams", source.traffic.datagrams)
            member("bytes", source.traffic.bytes)
            member("lastAt", source.lastAt)
            endObject()
        }
        endArray()
    }
}
