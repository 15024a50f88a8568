"""What a program does with the client that openapi-generator made of openapi.yaml.

Run by test_generated_client.py as `generated_client.py DIRECTORY URL`, in the daemon's network; it
ends with 0 when all is as it must be.
"""

import sys

sys.path.insert(0, sys.argv[1])

from relaycast_client import (  # noqa: E402
    AddressTarget,
    ApiClient,
    BroadcastDefinition,
    BroadcastReceiverDefinition,
    CoalesceMicroseconds,
    Configuration,
    DatagramRequest,
    ForwardTarget,
    HealthApi,
    HostApi,
    InterfaceSelector,
    MulticastSenderDefinition,
    SessionDefinition,
    SessionPatch,
    SessionsApi,
    SessionSet,
    SessionTarget,
    TargetAddress,
    TextDatagram,
    TrafficLimits,
    TrafficApi,
)
from relaycast_client.exceptions import (  # noqa: E402
    BadRequestException,
    ConflictException,
    NotFoundException,
)


def sender(name: str, **members: object) -> SessionDefinition:
    """A multicast sender."""
    return SessionDefinition(
        MulticastSenderDefinition(
            name=name,
            kind="multicast-sender",
            group="239.12.0.1",
            port=9201,
            interface=InterfaceSelector("eth0"),
            **members,
        )
    )


def main(client: ApiClient) -> None:
    """Creates, gets, lists, patches and deletes; puts, applies and exports."""
    sessions, traffic = SessionsApi(client), TrafficApi(client)
    assert HealthApi(client).get_readiness().status == "ok"
    assert any(item.name == "eth0" for item in HostApi(client).list_interfaces().items)

    created = sessions.create_session(sender("made", labels={"env": "test"}))
    session = created.actual_instance
    assert type(session).__name__ == "MulticastSenderSession"
    assert (session.name, session.status.state, session.generation) == ("made", "running", 1)
    assert session.status.local_address.port > 0

    answer = sessions.get_session_with_http_info("made", include="counters")
    assert answer.data.actual_instance.id == session.id
    assert answer.data.actual_instance.counters.sent.datagrams == 0
    tag = answer.headers["ETag"]

    sent = traffic.send_datagrams("made", DatagramRequest(TextDatagram(text="hello")))
    assert [item.length for item in sent.items] == [5]
    assert traffic.get_counters("made").sent.bytes == 5
    assert traffic.get_packets("made", direction="sent").items[0].payload == "aGVsbG8="

    receiver = BroadcastReceiverDefinition(kind="broadcast", role="receiver", port=9202)
    receiver.interface = InterfaceSelector("eth0")
    receiver.coalesce_microseconds = CoalesceMicroseconds("adaptive")
    receiver.forward = [
        ForwardTarget(SessionTarget(session="made", limits=TrafficLimits(datagrams_per_second=9))),
        ForwardTarget(AddressTarget(address=TargetAddress("192.168.10.2"), port=9203)),
    ]
    put = sessions.put_session("heard", SessionDefinition(BroadcastDefinition(receiver)))
    assert type(put.actual_instance).__name__ == "BroadcastReceiverSession"
    targets = [target.actual_instance for target in put.actual_instance.forward]
    assert (targets[0].session, targets[0].limits.burst_milliseconds) == ("made", 1000)
    assert (targets[1].port, targets[1].ttl, targets[1].source_mode) == (9203, 64, "own")

    listed = sessions.list_sessions()
    assert [item.actual_instance.name for item in listed.items] == ["heard", "made"]
    assert listed.total == 2
    chosen = sessions.list_sessions(selector="env=test", kind="multicast-sender", limit=1)
    assert [item.actual_instance.name for item in chosen.items] == ["made"]

    patched = sessions.patch_session("made", SessionPatch(ttl=4), if_match=tag).actual_instance
    assert (patched.ttl, patched.generation, patched.id) == (4, 2, session.id)

    exported = sessions.export_sessions()
    results = sessions.apply_sessions(exported, dry_run=True)
    assert {item.result for item in results.items} == {"unchanged"}
    results = sessions.apply_sessions(
        SessionSet(items=[sender("other", labels={"env": "test"})]), prune=True, selector="env=test"
    )
    assert [(item.name, item.result) for item in results.items] == [
        ("other", "created"),
        ("made", "deleted"),
    ]

    for refusal, code, call in [
        (NotFoundException, "session-not-found", lambda: sessions.get_session("made")),
        (ConflictException, "name-in-use", lambda: sessions.create_session(sender("other"))),
        (BadRequestException, "invalid-query", lambda: sessions.list_sessions(selector="=")),
    ]:
        try:
            call()
        except refusal as error:
            assert error.data.code == code, error
        else:
            raise AssertionError(f"{code} did not happen")

    sessions.delete_session("heard")
    assert sessions.delete_sessions(selector="env").deleted == ["other"]
    assert sessions.list_sessions().total == 0


with ApiClient(Configuration(host=sys.argv[2])) as client:
    main(client)
