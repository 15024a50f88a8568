"""The daemon refuses a database that it must not use, says what to do, and leaves it alone."""

import pathlib
import signal
import sqlite3
import subprocess

import pytest


@pytest.fixture
def data(serve, tmp_path) -> pathlib.Path:
    """A data directory that a daemon has made and left."""
    daemon = serve("--data-directory", tmp_path / "data").wait_until_serving()
    assert daemon.end(signal.SIGTERM)[0] == 0
    return tmp_path / "data"


def database(data: pathlib.Path) -> pathlib.Path:
    return data / "relaycast.sqlite3"


def expect_refusal(relaycast, data, status: int, *parts: str):
    run = relaycast("serve", "--listen", "127.0.0.1:0", "--data-directory", data)
    assert (run.returncode, run.stdout) == (status, ""), run.stderr
    for part in (str(database(data)), *parts):
        assert part in run.stderr


def test_a_second_daemon_is_refused_and_the_first_goes_on(serve, relaycast, data):
    first = serve("--data-directory", data).wait_until_serving()
    expect_refusal(relaycast, data, 74, "in use by another process", "Stop that relaycast")
    assert first.end(signal.SIGTERM)[0] == 0


def test_a_database_that_a_tool_holds_is_refused(relaycast, data):
    tool = sqlite3.connect(database(data), isolation_level=None)
    tool.execute("BEGIN IMMEDIATE")
    expect_refusal(relaycast, data, 74, "in use by another process")
    tool.close()


@pytest.mark.parametrize("damage", ["header", "truncated", "letter"])
def test_a_damaged_database_is_refused(relaycast, data, damage):
    content = database(data).read_bytes()
    changed = {
        "header": b"x" * 100 + content[100:],
        "truncated": content[: len(content) // 2],
        "letter": b"Dear reader,\n" * 100,
    }[damage]
    database(data).write_bytes(changed)
    expect_refusal(relaycast, data, 74, "is damaged", "Restore it from a backup")
    assert database(data).read_bytes() == changed


def test_a_newer_database_is_refused(relaycast, data):
    with sqlite3.connect(database(data)) as tool:
        tool.execute("INSERT INTO grdb_migrations VALUES ('from the future')")
    tool.close()
    content = database(data).read_bytes()
    expect_refusal(relaycast, data, 74, "by a newer relaycast", "Run that version again")
    assert database(data).read_bytes() == content


def test_a_directory_that_cannot_be_made_is_refused(relaycast, tmp_path):
    (tmp_path / "file").write_text("")
    expect_refusal(relaycast, tmp_path / "file" / "data", 73, "is not a directory")


def test_a_read_only_file_system_is_refused(binary, environment, data, tmp_path):
    """The mount is made in a namespace of its own; a read-only one stops also root."""
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" serve ' + (
        '--listen 127.0.0.1:0 --data-directory "$1"'
    )
    run = in_mount_namespace(environment, tmp_path, script, data, binary)
    assert (run.returncode, run.stdout) == (73, ""), run.stderr
    assert "cannot be opened or written" in run.stderr


def test_a_full_file_system_is_refused(binary, environment, tmp_path):
    """The file system is a tmpfs of 64 KiB that a file has filled."""
    directory = tmp_path / "full"
    directory.mkdir()
    script = (
        'mount -t tmpfs -o size=64k tmpfs "$1" && mkdir "$1/data" && '
        '{ cat /dev/zero >"$1/fill" 2>/dev/null || true; } && exec "$2" serve '
        '--listen 127.0.0.1:0 --data-directory "$1/data"'
    )
    run = in_mount_namespace(environment, tmp_path, script, directory, binary)
    assert (run.returncode, run.stdout) == (73, ""), run.stderr
    assert "no space left" in run.stderr


def in_mount_namespace(environment, cwd, script: str, *arguments):
    """Runs a shell script as root of a user and mount namespace."""
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh", *arguments],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=30,
    )
