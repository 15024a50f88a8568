"""One session of a daemon in the lab, as tests use it."""

import base64

from namespaces import eventually

# How a packet names the counter `dropped.NAME` (enum values are kebab-case, keys camelCase).
REASONS = {
    "source": "source",
    "sourcePort": "source-port",
    "destinationClass": "destination-class",
    "own": "own",
    "interface": "interface",
}


class Session:
    """A session of a daemon, by name."""

    def __init__(self, daemon, made):
        self.daemon, self.made, self.name = daemon, made, made["name"]
        self.path = f"/v1/sessions/{self.name}"

    def get(self):
        """The session as it is now."""
        answer = self.daemon.ask("GET", self.path)
        assert answer.status == 200, answer
        return answer.json

    def wait_for_state(self, state, seconds=10):
        """Waits until the session is in `state`."""
        eventually(
            lambda: self.get()["status"]["state"] == state,
            seconds,
            lambda: f"{state}: {self.get()}",
        )

    def delete(self):
        """Deletes the session."""
        answer = self.daemon.ask("DELETE", self.path)
        assert answer.status == 204, answer

    def post(self, *payloads):
        """POST datagrams, as base64; returns the answer as it is."""
        items = [{"base64": base64.b64encode(payload).decode()} for payload in payloads]
        body = items[0] if len(items) == 1 else {"datagrams": items}
        return self.daemon.ask("POST", f"{self.path}/datagrams", body)

    def send(self, *payloads):
        """Sends datagrams that must leave."""
        answer = self.post(*payloads)
        assert answer.status == 200, answer
        assert [item["length"] for item in answer.json["items"]] == [len(p) for p in payloads]

    def counters(self):
        """The counters; that every datagram is accounted for is checked each time."""
        answer = self.daemon.ask("GET", f"{self.path}/counters")
        assert answer.status == 200, answer
        counters = answer.json
        dropped = sum(counters["dropped"].values())
        assert counters["received"]["datagrams"] == counters["accepted"]["datagrams"] + dropped
        return counters

    def count(self, *path):
        """One counter, e.g. count("dropped", "source")."""
        value = self.counters()
        for key in path:
            value = value[key]
        return value["datagrams"] if isinstance(value, dict) else value

    def wait_for_count(self, number, *path, seconds=5):
        """Waits until a counter is `number`; fails at once when it is above."""

        def reached():
            counted = self.count(*path)
            assert counted <= number, f"{path} is {counted}, expected {number}: {self.packets()}"
            return counted == number

        eventually(reached, seconds, lambda: f"{path} = {number}; {self.counters()}")

    def packets(self, direction=None, **query):
        """The recent packets, oldest first, each with its payload as bytes."""
        if direction:
            query["direction"] = direction
        answer = self.daemon.ask("GET", f"{self.path}/packets", **{"limit": 1000, **query})
        assert answer.status == 200, answer
        for item in answer.json["items"]:
            item["payload"] = base64.b64decode(item.get("payload", ""))
        return answer.json["items"]

    def wait_for_packet(self, payload, seconds=5):
        """Waits until a datagram with this payload was received; returns the packet."""
        found = []

        def arrived():
            found[:] = [p for p in self.packets("received") if p["payload"] == payload]
            return found

        eventually(arrived, seconds, lambda: f"{payload!r}; {self.counters()}")
        return found[0]

    def ask(self, question, answer):
        """Asks a socat server with EXEC until the answer is here; returns its packet.

        socat gives up (EPIPE) when its command ends before it was given its input, which `hostname`
        sometimes does: about one question in a hundred stays without an answer.
        """
        for _ in range(10):
            self.send(question)
            try:
                return self.wait_for_packet(answer, 1)
            except AssertionError as nothing:
                last = nothing
        raise last

    def payloads(self):
        """The payloads of the accepted packets, oldest first."""
        return [p["payload"] for p in self.packets("received") if p["verdict"] == "accepted"]

    def dropped(self, counter):
        """The payloads of the packets dropped for the reason that `dropped.COUNTER` counts."""
        return [
            p["payload"]
            for p in self.packets("received")
            if p["verdict"] == "dropped" and p["reason"] == REASONS[counter]
        ]
