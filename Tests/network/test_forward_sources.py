"""Relayed datagrams that keep the address and port of their senders (`sourceMode` preserve).

    h2, h3 ── eth0  h1 the relay  eth1 ── h4, who sees whom a datagram comes from
"""

import contextlib
import socket
import struct

import pytest
from lab_relay import FAR, NEAR, PORT, check_books, far, hear_far, hear_target, relay, target_states
from lab_sockets import listener, sender
from namespaces import eventually

HOST, BROADCAST = "192.168.30.4", "192.168.30.255"
PRESERVED = {"sourceMode": "preserve"}
ETH_P_IP = 0x0800  # linux/if_ether.h


def unavailable(session, target=0):
    """What a target could not send as its sender."""
    return session.counters()["targets"][target]["dropped"]["sourceUnavailable"]


def exchange(made, payload, ear, to=(NEAR, PORT)):
    """Sends a datagram to the near side; what the far side hears, and from whom."""
    made.sendto(payload, to)
    heard, source = ear.recvfrom(100)
    return heard, source[:2]


def udp_packet(source, destination, payload):
    """An IPv4 packet with a UDP datagram, without checksums of UDP."""
    (source, source_port), (destination, port) = source, destination
    udp = struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload
    fields = [0x45, 0, 20 + len(udp), 0, 0, 8, 17, 0]
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    header = struct.pack("!BBHHHBBH", *fields) + addresses
    total = sum(struct.unpack("!10H", header))
    fields[-1] = 0xFFFF - (total >> 16) - (total & 0xFFFF)
    return struct.pack("!BBHHHBBH", *fields) + addresses + udp


def forge(host, source, destination, payload):
    """Sends a datagram with any source to the near link, as a broadcast frame."""
    with host.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as made:
        packet = udp_packet(source, destination, payload)
        made.sendto(packet, ("eth0", ETH_P_IP, 0, 0, b"\xff" * 6))


def test_address_and_port_are_preserved_where_asked(relaycast, h2, h3, h4):
    places = [
        far(),
        far(address=HOST, port=5001),
        far(address=BROADCAST, port=5002),
        far(address="255.255.255.255", port=5003),
    ]
    session = relay(relaycast, *(place | PRESERVED for place in places), far(port=5009))
    with contextlib.ExitStack() as stack:
        ears = [stack.enter_context(hear_target(h4, place)) for place in places]
        own = stack.enter_context(hear_far(h4, 5009))
        senders = [stack.enter_context(sender(host, port=7000)) for host in (h2, h3)]
        senders.append(stack.enter_context(sender(h2)))
        for number, made in enumerate([*senders, *senders]):
            heard = exchange(made, b"%d" % number, ears[0])
            source = ((h2, h3, h2)[number % 3].address, made.getsockname()[1])
            assert heard == (b"%d" % number, source)
            for ear in ears[1:]:
                assert ear.recvfrom(100) == (b"%d" % number, source)
            assert own.recvfrom(100)[1][0] == "192.168.30.1"
    counters = check_books(session)
    assert [target["forwarded"]["datagrams"] for target in counters["targets"]] == [6] * 5
    shown = session.get()["status"]["forward"]
    assert ["localAddress" in target for target in shown] == [False] * 4 + [True]


def test_ipv6_keeps_address_and_port_also_of_link_local_senders(relaycast, h2, h4):
    group, host = far(address="ff05::2", port=5001), far(address=h4.address6, port=5002)
    session = relay(relaycast, group | PRESERVED, host | PRESERVED, group="ff05::1")
    of_group = listener(h4, 5001, socket.AF_INET6, "ff05::2", "eth1")
    of_host = listener(h4, 5002, socket.AF_INET6)
    with of_group, of_host:
        for number, address in enumerate((h2.address6, h2.link_local(), h2.address6)):
            with sender(h2, socket.AF_INET6) as made:
                scope = h2.interface_index() if address.startswith("fe80") else 0
                made.bind((address, 7000 + number, 0, scope))
                expected = (b"%d" % number, (address, 7000 + number))
                heard, source = exchange(made, b"%d" % number, of_group, ("ff05::1", PORT))
                assert (heard, (source[0].partition("%")[0], source[1])) == expected
                heard, source = of_host.recvfrom(100)[:2]
                assert (heard, (source[0].partition("%")[0], source[1])) == expected
    check_books(session)


def test_a_local_port_is_that_port_with_the_senders_address(relaycast, h2, h3, h4):
    session = relay(relaycast, far(localPort=7777, **PRESERVED))
    with hear_far(h4) as ear, sender(h2) as a, sender(h3) as b:
        assert exchange(a, b"1", ear) == (b"1", (h2.address, 7777))
        assert exchange(b, b"2", ear) == (b"2", (h3.address, 7777))
    assert target_states(session) == ["running"]
    check_books(session)


def test_a_router_keeps_dscp_and_ttl_as_well(relaycast, h2, h4):
    kept = {"dscp": "preserve", "ttlMode": "decrement", **PRESERVED}
    relay(relaycast, far(address=HOST, port=5001, **kept))
    with listener(h4, 5001) as ear, contextlib.ExitStack() as stack:
        for option in (socket.IP_RECVTOS, 12):  # IP_RECVTTL, linux/in.h
            ear.setsockopt(socket.IPPROTO_IP, option, 1)
        for number, (ttl, dscp) in enumerate(((5, 46), (9, 0), (200, 10))):
            made = stack.enter_context(sender(h2, port=7000 + number))
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
            made.sendto(b"%d" % number, (NEAR, PORT))
            payload, controls, _, source = ear.recvmsg(100, 100)
            assert (payload, source) == (b"%d" % number, (h2.address, 7000 + number))
            values = {kind: data[0] for _, kind, data in controls}
            assert values == {socket.IP_TOS: dscp << 2, socket.IP_TTL: ttl - 1}


def test_sources_do_not_mix_and_each_keeps_its_order(relaycast, h2, h3, h4):
    relay(relaycast, far(**PRESERVED), far(address=HOST, port=5001))
    sources = [(h2, 7000), (h2, 7001), (h3, 7000)]
    with hear_far(h4) as preserved, listener(h4, 5001) as own, contextlib.ExitStack() as stack:
        made = [stack.enter_context(sender(host, port=port)) for host, port in sources]
        relaycast.process.freeze()
        for number in range(63):
            made[number // 4 % 3].sendto(b"%d" % number, (NEAR, PORT))
        relaycast.process.thaw()
        heard = {(host.address, port): [] for host, port in sources}
        for number in range(63):
            payload, source = preserved.recvfrom(100)
            heard[source].append(int(payload))
            payload, source = own.recvfrom(100)
            assert (payload, source[0]) == (b"%d" % number, "192.168.30.1")
    for index, numbers in enumerate(heard.values()):
        assert numbers == [number for number in range(63) if number // 4 % 3 == index]


def test_what_the_relays_own_host_sends_keeps_its_source_and_its_unicast(relaycast, h1, h2, h4):
    session = relay(relaycast, far(**PRESERVED))
    with hear_far(h4) as ear, h1.socket() as local, sender(h2) as peer:
        local.settimeout(5)
        local.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.168.10.1")
        )
        local.bind(("192.168.10.1", 7000))
        for number in range(3):
            payload = b"%d" % number
            assert exchange(local, payload, ear) == (payload, ("192.168.10.1", 7000))
            # What is sent to the program still reaches it, and the sockets take none of it.
            peer.sendto(payload, ("192.168.10.1", 7000))
            assert local.recv(100) == payload
    check_books(session)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.7.7.7", "192.168.10.1", "192.168.30.1"])
def test_a_program_of_the_relays_own_host_sees_the_senders(relaycast, h1, h2, address):
    target = {"address": address, "port": 5001, **PRESERVED}
    session = relaycast.create(
        "multicast-receiver", group=NEAR, port=PORT, interface="eth0", forward=[target]
    )
    with listener(h1, 5001) as ear, sender(h2, port=7000) as made, h1.socket() as local:
        for number in range(3):
            payload = b"%d" % number
            assert exchange(made, payload, ear) == (payload, (h2.address, 7000))
        local.bind(("192.168.10.1", 7001))
        local.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.168.10.1")
        )
        assert exchange(local, b"local", ear) == (b"local", ("192.168.10.1", 7001))
    check_books(session)


@pytest.mark.parametrize("address", ["::1", "fd00:10::1"])
def test_so_it_does_with_ipv6(relaycast, h1, h2, address):
    target = {"address": address, "port": 5001, **PRESERVED}
    relaycast.create(
        "multicast-receiver", group="ff05::1", port=PORT, interface="eth0", forward=[target]
    )
    with listener(h1, 5001, socket.AF_INET6) as ear, sender(h2, socket.AF_INET6) as made:
        made.bind((h2.address6, 7000))
        assert exchange(made, b"1", ear, ("ff05::1", PORT)) == (b"1", (h2.address6, 7000))


def test_answers_to_a_preserved_source_are_routed_past_the_relay(relaycast, h1, h2, h4):
    relay(relaycast, far(address=HOST, port=5001, **PRESERVED))
    forwarding = "/proc/sys/net/ipv4/ip_forward"
    h1.run("sh", "-c", f"echo 1 >{forwarding}")
    try:
        h2.run("ip", "route", "add", "192.168.30.0/24", "via", "192.168.10.1")
        with listener(h4, 5001) as host, sender(h2) as asker:
            for number in range(3):
                _, source = exchange(asker, b"%d" % number, host)
                host.sendto(b"answer %d" % number, source)
                assert asker.recvfrom(100) == (b"answer %d" % number, (HOST, 5001))
    finally:
        h2.run("ip", "route", "delete", "192.168.30.0/24")
        h1.run("sh", "-c", f"echo 0 >{forwarding}")


def test_a_port_that_another_program_holds_is_counted_and_tried_again(relaycast, h1, h2, h4):
    session = relay(relaycast, far(**PRESERVED), far(port=5001))
    with hear_far(h4) as ear, hear_far(h4, 5001) as own, sender(h2, port=7000) as made:
        with h1.socket() as holder, sender(h2, port=7001) as other:
            holder.bind(("", 7000))
            made.sendto(b"held", (NEAR, PORT))
            assert own.recv(100) == b"held"
            # The next one is sent as its sender, so that nothing was sent as ours before.
            assert exchange(other, b"other", ear) == (b"other", (h2.address, 7001))
            targets = check_books(session)["targets"]
            assert [target["dropped"]["sourceUnavailable"] for target in targets] == [1, 0]
            error = targets[0]["lastError"]
            assert error["errno"] == "EADDRINUSE" and error["operation"].startswith("bind ")
        ear.settimeout(0.1)

        def is_sent():
            made.sendto(b"free", (NEAR, PORT))
            with contextlib.suppress(TimeoutError):
                return ear.recvfrom(100) == (b"free", (h2.address, 7000))

        eventually(is_sent, 5, "the port is tried again")
    check_books(session)


def test_the_ports_of_our_other_targets_are_kept_for_senders_as_well(relaycast, h2, h4):
    session = relay(relaycast, far(**PRESERVED), far(port=5001), far(address=HOST, port=5002))
    ports = [t["localAddress"]["port"] for t in session.get()["status"]["forward"][1:]]
    with hear_far(h4) as ear, hear_far(h4, 5001) as own:
        for number, port in enumerate(ports):
            with sender(h2, port=port) as made:
                payload = b"%d" % number
                assert exchange(made, payload, ear) == (payload, (h2.address, port))
                assert own.recvfrom(100) == (payload, ("192.168.30.1", ports[0]))
    check_books(session)


def test_a_datagram_without_source_is_never_sent_as_ours(relaycast, h2, h4):
    session = relaycast.create(
        "broadcast", role="receiver", port=PORT, interface="eth0",
        forward=[far(**PRESERVED), far(port=5001, localPort=7000, **PRESERVED)],
    )  # fmt: skip
    to = ("255.255.255.255", PORT)
    with hear_far(h4) as ear, hear_far(h4, 5001) as fixed:
        forge(h2, ("0.0.0.0", 68), to, b"no address")
        forge(h2, ("192.168.10.77", 0), to, b"no port")
        forge(h2, ("192.168.10.77", 68), to, b"both")
        assert ear.recvfrom(100) == (b"both", ("192.168.10.77", 68))
        # Where the port is the target's, only the address is needed.
        assert fixed.recvfrom(100) == (b"no port", ("192.168.10.77", 7000))
        assert fixed.recvfrom(100) == (b"both", ("192.168.10.77", 7000))
    targets = check_books(session)["targets"]
    assert [target["dropped"]["sourceUnavailable"] for target in targets] == [2, 1]


@pytest.mark.parametrize("local_port", [0, 7777])
def test_datagrams_that_chaos_holds_keep_their_sources(relaycast, h2, h3, h4, local_port):
    chaos = {"delayMilliseconds": 50, "reorderPercent": 30, "seed": 7}
    session = relay(relaycast, far(chaos=chaos, localPort=local_port, **PRESERVED))
    with hear_far(h4) as ear, contextlib.ExitStack() as stack:
        made = [stack.enter_context(sender(h, port=p)) for h in (h2, h3) for p in (7000, 7001)]
        expected = []
        for number in range(60):
            index = number % 4
            made[index].sendto(b"%d" % number, (NEAR, PORT))
            host, port = (h2, h3)[index // 2], 7000 + index % 2
            expected.append((b"%d" % number, (host.address, local_port or port)))
        assert sorted(ear.recvfrom(100) for _ in range(60)) == sorted(expected)
    check_books(session)


def test_where_descriptors_are_few_so_are_source_ports(start_daemon, h1, h2, h4):
    daemon = start_daemon(h1, through=["prlimit", "--nofile=400:400"])
    session = relay(daemon, far(**PRESERVED))
    with hear_far(h4) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sources = set()
        for number in range(200):
            with sender(h2) as made:
                made.sendto(b"%d" % number, (NEAR, PORT))
                sources.add((b"%d" % number, (h2.address, made.getsockname()[1])))
        session.wait_for_count(200, "accepted")
        dropped = check_books(session)["targets"][0]["dropped"]["sourceUnavailable"]
        assert 100 < dropped < 199
        heard = {ear.recvfrom(100) for _ in range(200 - dropped)}
    assert heard <= sources
    # There are descriptors left for others.
    other = relay(daemon, far(port=5001, **PRESERVED), name="other")
    assert target_states(other) == ["running"]
    session.delete()
    with hear_far(h4, 5001) as ear, sender(h2) as made:
        assert exchange(made, b"other", ear)[1] == (h2.address, made.getsockname()[1])


def test_a_change_keeps_the_ports_and_the_end_frees_them(relaycast, h1, h2, h4):
    session = relay(relaycast, far(**PRESERVED))

    def holds_port():
        return 7000 in relaycast.process.udp_ports()

    with hear_far(h4) as ear, sender(h2, port=7000) as made:
        exchange(made, b"1", ear)
        assert holds_port()
        for changed in ({"limits": {"datagramsPerSecond": 1000}}, {"sampleOneIn": 1}):
            forward = [far(**changed, **PRESERVED), far(port=5001)]
            assert relaycast.ask("PATCH", session.path, {"forward": forward}).status == 200
            assert holds_port()
        assert exchange(made, b"2", ear) == (b"2", (h2.address, 7000))
        relaycast.ask("PATCH", session.path, {"forward": [far()]})
        assert not holds_port()
        relaycast.ask("PATCH", session.path, {"forward": [far(**PRESERVED)]})
        assert exchange(made, b"3", ear) == (b"3", (h2.address, 7000))
        session.delete()
        with h1.socket() as other:
            other.bind(("", 7000))


@pytest.mark.parametrize("length", [0, 1, 1316, 1472, 1473, 9000, 65507])
def test_any_length_is_sent_as_its_sender(relaycast, h2, h4, length):
    target = far(address=HOST, port=5001, **PRESERVED)
    session = relay(relaycast, target, loopGuardMilliseconds=0)
    with listener(h4, 5001) as ear, sender(h2) as made:
        for number in range(5):
            payload = bytes([number]) * length
            made.sendto(payload, (NEAR, PORT))
            heard, source = ear.recvfrom(70000)
            assert heard == payload and source == (h2.address, made.getsockname()[1])
    check_books(session)


@pytest.mark.parametrize("chaos", [None, {}])
def test_a_loopback_address_leaves_by_loopback_only(relaycast, h1, h4, chaos):
    more = PRESERVED if chaos is None else {**PRESERVED, "chaos": chaos}
    session = relay(
        relaycast, far(**more), {"address": "127.0.0.1", "port": 5001, **more}, interface="lo"
    )
    with hear_far(h4) as ear, listener(h1, 5001) as local, h1.socket() as made:
        chosen = struct.pack("@4s4si", bytes(4), socket.inet_aton("127.0.0.1"), 1)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, chosen)
        made.bind(("127.0.0.1", 7000))
        made.sendto(b"x", (NEAR, PORT))
        assert local.recvfrom(100) == (b"x", ("127.0.0.1", 7000))
        ear.settimeout(0.1)
        with pytest.raises(TimeoutError):
            ear.recv(100)
    targets = check_books(session)["targets"]
    assert [target["failed"] for target in targets] == [0, 0]
    assert [target["dropped"]["sourceUnavailable"] for target in targets] == [1, 0]


def test_a_port_that_a_program_of_the_relays_host_does_not_share_is_said(relaycast, h1, h4):
    session = relay(relaycast, far(**PRESERVED))
    with hear_far(h4) as ear, h1.socket() as made:
        made.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.168.10.1")
        )
        # The kernel chooses its port, which it then has on all addresses.
        made.sendto(b"x", (NEAR, PORT))
        session.wait_for_count(1, "accepted")
        eventually(lambda: unavailable(session) == 1, 5, lambda: session.counters())
        error = session.counters()["targets"][0]["lastError"]
        assert error["operation"] == f"bind port {made.getsockname()[1]}"
        assert error["errno"] == "EADDRINUSE"
        ear.settimeout(0.1)
        with pytest.raises(TimeoutError):
            ear.recv(100)
