"""A disk that is full, fails, loses its power or its files: 5xx, and no 2xx for what would be lost."""

import errno
import random
from collections.abc import Iterator

import pytest

from attack.failing_disk import Disk, MountNamespace, definition, kill, sessions
from support import Client, Daemon, Response


def refused(response: Response, code: str) -> None:
    """Asserts that a write was refused because of the disk, and may be tried again."""
    assert response.status == 503, response.body
    assert response.headers.get_content_type() == "application/problem+json"
    assert response.json()["code"] == code
    assert int(response.headers["Retry-After"]) > 0


def create(client: Client, name: str, **members: object) -> str:
    """Creates a session and answers its id."""
    response = client.post("/v1/sessions", definition(name, **members))
    assert response.status == 201, response.body
    return response.json()["id"]


def absent(client: Client, name: str) -> None:
    """Asserts that a refused session is nowhere, not even in the kernel."""
    assert client.get(f"/v1/sessions/{name}").status == 404
    assert name not in sessions(client)


class TestSmallDisk:
    """A tmpfs that a file fills."""

    @pytest.fixture
    def mounts(self, network) -> Iterator[MountNamespace]:
        with MountNamespace(network) as mounts:
            yield mounts

    def test_a_full_disk_refuses_writes_until_there_is_room(self, binary, mounts):
        daemon = Daemon(binary, mounts)
        data = mounts.mount(daemon.directory / "data", "256k")
        with daemon:
            client = daemon.client()
            (data / "ballast").write_bytes(bytes(65536))
            acknowledged = {"first": create(client, "first")}
            # Until the log finds no more room, so that the last write begins and cannot end; then
            # the rest of the room, and smaller ones, as long as the log has place for them.
            write_until_refused(client, acknowledged, "large", annotations={"text": "x" * 1000})
            assert len(acknowledged) > 5
            fill(data / "filler")
            write_until_refused(client, acknowledged, "small")
            for number in range(20):
                refused(client.post("/v1/sessions", definition(f"more-{number}")), "store-full")
                absent(client, f"more-{number}")
            refused(client.delete("/v1/sessions/first"), "store-full")
            assert client.get("/v1/sessions/first").json()["status"]["state"] == "running"
            assert sessions(client) == acknowledged
            # What needs no disk goes on.
            assert client.post("/v1/sessions", definition("t", persist=False)).status == 201
            assert client.delete("/v1/sessions/t").status == 204

            # Neither a kill nor a start on the full disk loses or brings back anything.
            kill(daemon)
            daemon.start()
            assert sessions(client) == acknowledged
            refused(client.post("/v1/sessions", definition("late")), "store-full")

            (data / "ballast").unlink()
            del acknowledged["first"]
            assert client.delete("/v1/sessions/first").status == 204
            acknowledged["late"] = create(client, "late")
            kill(daemon)
            daemon.start()
            assert sessions(client) == acknowledged

    def test_files_that_are_taken_away_are_missed(self, binary, mounts):
        daemon = Daemon(binary, mounts)
        data = mounts.mount(daemon.directory / "data", "4m")
        with daemon:
            client = daemon.client()
            acknowledged = {"kept": create(client, "kept")}
            for name in ("relaycast.sqlite3", "relaycast.sqlite3-wal"):
                (data / name).rename(data / "away")
                refused(client.post("/v1/sessions", definition("new")), "store-unavailable")
                absent(client, "new")
                refused(client.delete("/v1/sessions/kept"), "store-unavailable")
                # Another file in its place is not it.
                (data / name).write_bytes(b"")
                refused(client.delete("/v1/sessions/kept"), "store-unavailable")
                assert "removed or replaced" in daemon.log_text()
                (data / "away").rename(data / name)
                acknowledged[name] = create(client, name.replace(".", "-"))
            kill(daemon)
            daemon.start()
            assert set(sessions(client).values()) == set(acknowledged.values())


def write_until_refused(client: Client, acknowledged: dict, prefix: str, **members) -> None:
    """Creates sessions until the disk is full; notes the others."""
    for number in range(1000):
        name = f"{prefix}-{number}"
        response = client.post("/v1/sessions", definition(name, **members))
        if response.status != 201:
            return refused(response, "store-full")
        acknowledged[name] = response.json()["id"]
    raise AssertionError("the disk is not full")


def fill(path) -> None:
    """Writes a file until its disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC


class TestFailingDisk:
    """The disk of disk.c."""

    @pytest.fixture
    def disk(self, network, tmp_path) -> Disk:
        return Disk(network, tmp_path)

    @pytest.fixture
    def daemon(self, binary, disk) -> Iterator[Daemon]:
        with Daemon(binary, disk) as daemon:
            yield daemon

    def test_what_is_acknowledged_is_on_the_disk(self, daemon, disk):
        """Every commit is flushed before its answer: so a power failure at once loses nothing."""
        client = daemon.client()
        acknowledged = {name: create(client, name) for name in ("a", "b", "c")}
        disk.lose_power(daemon)
        daemon.start()
        assert sessions(client) == acknowledged

    @pytest.mark.parametrize(
        "fault, code",
        [
            (f"fsync {errno.EIO}", "store-unavailable"),
            (f"fsync {errno.ENOSPC}", "store-unavailable"),
            (f"write {errno.EIO} 0", "store-unavailable"),
            (f"write {errno.EROFS} 0", "store-unavailable"),
            (f"write {errno.ENOSPC} 0", "store-full"),
            # In the midst of a frame of the log, and of its header.
            (f"write {errno.ENOSPC} 5000", "store-full"),
            (f"write {errno.ENOSPC} 10", "store-full"),
        ],
    )
    @pytest.mark.parametrize("end", ["kill", "power"])
    def test_a_refused_write_leaves_nothing_behind(self, daemon, disk, fault, code, end):
        client = daemon.client()
        acknowledged = {name: create(client, name) for name in ("kept", "gone")}
        disk.fail(fault)
        refused(client.post("/v1/sessions", definition("refused")), code)
        absent(client, "refused")
        refused(client.delete("/v1/sessions/kept"), code)
        assert client.get("/v1/sessions/kept").json()["status"]["state"] == "running"
        assert sessions(client) == acknowledged
        if end == "power":
            disk.lose_power(daemon)
        else:
            kill(daemon)
        disk.mend()
        daemon.start()
        assert sessions(client) == acknowledged

    @pytest.mark.parametrize("operation", ["fsync 5", "write 28 5000", "write 5 0"])
    def test_a_mended_disk_is_written_to_again(self, daemon, disk, operation):
        client = daemon.client()
        acknowledged = {name: create(client, name) for name in ("kept", "gone")}
        for round in range(3):
            disk.fail(operation)
            for number in range(3):
                response = client.post("/v1/sessions", definition(f"refused-{number}"))
                assert response.status == 503
            disk.mend()
            acknowledged[f"after-{round}"] = create(client, f"after-{round}")
        assert client.delete("/v1/sessions/gone").status == 204
        del acknowledged["gone"]
        disk.lose_power(daemon)
        daemon.start()
        assert sessions(client) == acknowledged

    @pytest.mark.parametrize("seed", range(3))
    def test_a_disk_that_fails_now_and_then_loses_nothing(self, daemon, disk, seed):
        """Long enough for the log to be copied into the database while the disk fails."""
        chance = random.Random(seed)
        client = daemon.client()
        acknowledged: dict[str, str] = {}
        refusals = 0
        for number in range(900):
            if number % 10 == 0:
                disk.fail(chance.choice(["fsync 5", "write 5 3000", "none 0", "none 0"]))
            if acknowledged and chance.random() < 0.4:
                name = chance.choice(sorted(acknowledged))
                response = client.delete(f"/v1/sessions/{name}")
                if response.status == 204:
                    del acknowledged[name]
                    continue
            else:
                name = f"session-{number}"
                text = "x" * chance.randrange(1000)
                body = definition(name, annotations={"text": text}, enabled=False)
                response = client.post("/v1/sessions", body)
                if response.status == 201:
                    acknowledged[name] = response.json()["id"]
                    continue
            assert response.status == 503, response.body
            refusals += 1
        assert sessions(client) == acknowledged
        assert refusals > 20
        # The log was begun anew at least once: the database holds what it had.
        assert (daemon.directory / "data" / "relaycast.sqlite3").stat().st_size > 50_000
        if chance.random() < 0.5:
            kill(daemon)
        else:
            disk.lose_power(daemon)
        disk.mend()
        daemon.start()
        assert sessions(client) == acknowledged

    def test_it_ends_in_order_while_the_disk_fails(self, daemon, disk):
        client = daemon.client()
        acknowledged = {"kept": create(client, "kept")}
        disk.fail("fsync 5")
        refused(client.delete("/v1/sessions/kept"), "store-unavailable")
        daemon.stop()
        disk.mend()
        daemon.start()
        assert sessions(client) == acknowledged
