"""What one daemon answers, where it also relays: on each side once, and no question to anybody.

    h2 ── bridge0 ── eth0  h1 relaycast, both ways  eth1 ── bridge1 ── h4
"""

import pytest
from lab_circles import check_rest, dropped_as_loop, ears_on, hear, outlet, pause, say, voice
from lab_circles import wait_until_heard
from namespaces import eventually

HANDLERS = {
    "handlers": {"to": {"argv": ["/bin/sh", "-c", 'printf "here, port $RELAYCAST_PEER_PORT"']}}
}
REPLIES = {
    "template": {"template": "here, port {source.port}"},
    "handler": {"handler": "to"},
}


def ask(lab, side, question=b"who is there?\n"):
    """A host asks on a side; returns what it is answered there."""
    with voice(lab, side) as made:
        made.sendto(question, (side.address, side.port))
        return b"here, port %d" % made.getsockname()[1]


@pytest.mark.parametrize(
    "layout, reply, who",
    [
        ("one-group", "template", "a relay"),
        ("one-group-ipv6", "handler", "a session beside it"),
        ("directed", "handler", "a relay"),
        ("network-address", "template", "a session beside it"),
    ],
)
def test_an_answer_to_all_is_on_each_side_once(
    start_daemon, lab, h1, sides_of, layout, reply, who
):
    daemon = start_daemon(h1, configuration=HANDLERS)
    sides = sides_of(layout)
    answering = {"reply": {**REPLIES[reply], "to": "destination", "ttl": 8}}
    there = hear(daemon, sides[0], outlet(sides[1]), **(answering if "relay" in who else {}))
    back = hear(daemon, sides[1], outlet(sides[0]))
    responder = there if "relay" in who else hear(daemon, sides[0], **answering)
    with ears_on(lab, sides) as ears:
        answer = ask(lab, sides[0])
        wait_until_heard(ears, answer)
        check_rest(daemon)
        assert [heard.count(b"who is there?\n") for heard in ears.heard] == [1, 1]
        assert (responder.count("replied"), back.count("forwarded")) == (1, 0)
        # As another relay sends it back.
        loops = dropped_as_loop(there)
        say(lab, sides[0], answer)
        eventually(lambda: dropped_as_loop(there) == loops + 1, 5, there.counters)
        say(lab, sides[0], b"last")
        wait_until_heard(ears, b"last")
        check_rest(daemon)
        # The host itself has said it once more on the first side.
        assert [heard.count(answer) for heard in ears.heard] == [2, 1]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_mapped_answer_to_the_port_of_the_relay_goes_no_further(start_daemon, h1, h4, family):
    near, far = start_daemon(h1), start_daemon(h4)
    group, host = {
        "ipv4": ("239.1.1.1", h4.address), "ipv6": ("ff05::4242", h4.address6)
    }[family]  # fmt: skip
    place = {"group": group, "port": 5004, "interface": "eth0"}
    reply = {"template": "{sequence}", "perSecondMax": 10000}
    device = far.create(
        "multicast-receiver",
        group=group, port=9000, interface="eth1", accept=["unicast"], reply=reply,
    )  # fmt: skip
    asking = near.create("multicast-peer", **place)
    # The kernel gives unicast to the one that was bound last.
    relay = near.create(
        "multicast-receiver",
        **place,
        accept=["multicast", "unicast"],
        forward=[{"address": host, "port": 9000, "mapReplies": {}}],
    )
    for times in (1, 2):
        asking.send(b"question %d" % times)
        eventually(lambda times=times: device.count("replied") >= times, 5, "it is answered")
        check_rest(near, far)
        assert (device.count("replied"), relay.count("forwarded")) == (times, times)
        assert dropped_as_loop(relay) == times


@pytest.mark.parametrize("way", ["template"])
def test_a_reply_to_a_peer_goes_on_to_the_other_side_once(start_daemon, lab, h1, sides_of, way):
    daemon = start_daemon(h1)
    sides = sides_of("one-group")
    near, far = sides
    responder = hear(daemon, near, reply={**REPLIES[way], "perSecondMax": 1000})
    fields = {"group": near.address, "port": near.port, "interface": near.interface}
    hear(daemon, far, {"session": "asking"})
    # It asks, and what it is told goes to the other side. It is bound last, and so has the unicast.
    daemon.create("multicast-peer", name="asking", forward=[outlet(far)], **fields)
    with ears_on(lab, sides) as ears:
        answer = b"here, port %d" % near.port
        for times in (1, 2, 3):
            # A host of the far side asks, by the peer.
            say(lab, far, b"question %d" % times)
            eventually(lambda times=times: ears.heard[1].count(answer) >= times, 5, "an answer")
        pause(0.2)
        check_rest(daemon)
        assert [heard.count(answer) for heard in ears.heard] == [0, 3]
        assert responder.count("replied") == 3
