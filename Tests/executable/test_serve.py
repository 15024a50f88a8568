"""How the daemon starts and ends, seen from outside."""

import http.client
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import time

import pytest


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_within_two_seconds(serve, ending):
    daemon = serve().wait_until_serving()
    status, seconds = daemon.end(ending)
    assert status == 0
    assert seconds < 2
    assert ending.name in daemon.log.read_text()


def test_a_hang_up_is_logged_and_does_not_end_it(serve):
    daemon = serve().wait_until_serving()
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log("SIGHUP")
    assert daemon.end(signal.SIGTERM)[0] == 0


def test_a_second_signal_ends_it_at_once(serve):
    daemon = serve().wait_until_serving()
    # Both wait while it is stopped. It takes SIGINT first, as the lower number, and lets SIGTERM
    # through when it begins to drain.
    daemon.process.send_signal(signal.SIGSTOP)
    daemon.process.send_signal(signal.SIGTERM)
    daemon.process.send_signal(signal.SIGINT)
    assert daemon.end(signal.SIGCONT)[0] == -signal.SIGTERM


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.0.0.3:0", "[::1]:0"])
def test_the_request_that_it_prints_can_be_pasted(serve, listen):
    daemon = serve(listen=listen).wait_until_serving()
    expect_the_printed_request_to_work(daemon)


def test_it_serves_on_a_unix_socket_that_others_cannot_open(serve, tmp_path):
    daemon = serve("--unix-socket", "it's a socket", listen="none").wait_until_serving()
    expect_the_printed_request_to_work(daemon, cwd=tmp_path)
    socket = tmp_path / "it's a socket"
    assert stat.S_IMODE(socket.stat().st_mode) & 0o007 == 0
    assert daemon.end(signal.SIGTERM)[0] == 0
    assert not socket.exists()


def test_a_unix_socket_that_a_kill_left_is_no_hindrance(serve, tmp_path):
    serve("--unix-socket", "socket").wait_until_serving().end(signal.SIGKILL)
    assert (tmp_path / "socket").exists()
    serve("--unix-socket", "socket").wait_until_serving()


def test_several_addresses_are_served(serve, tmp_path):
    daemon = serve("--listen", "127.0.0.1:0", "--unix-socket", "socket").wait_until_serving()
    assert daemon.printed.count("serves http://127.0.0.1:") == 2
    assert daemon.printed.count(f"serves unix:{tmp_path}/socket") == 1


def test_an_address_in_use_ends_it_with_status_69(serve, relaycast):
    daemon = serve().wait_until_serving()
    address = re.search(r"http://(\S+)$", daemon.printed, re.MULTILINE)[1].split("/")[0]
    run = relaycast("serve", "--listen", address, "--data-directory", "other")
    assert (run.returncode, run.stdout) == (69, "")
    assert address in run.stderr
    assert "EADDRINUSE" in run.stderr


def expect_the_printed_request_to_work(daemon, cwd=None):
    """Runs the line after "Try: " in a shell."""
    command = re.search(r"^Try: (curl .*)$", daemon.printed, re.MULTILINE)[1]
    run = subprocess.run(
        ["sh", "-c", f"{command} --silent --show-error --fail"],
        capture_output=True,
        text=True,
        timeout=20,
        cwd=cwd,
    )
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"\d+\.\d+\.\d+", json.loads(run.stdout)["version"])


def test_a_closed_standard_output_does_not_end_it(serve):
    reader, writer = os.pipe()
    os.close(reader)
    daemon = serve(stdout=writer)
    os.close(writer)
    daemon.wait_for_log("serving")
    assert daemon.end(signal.SIGTERM)[0] == 0


def test_every_line_of_the_json_log_is_an_object(serve):
    daemon = serve("--log-format", "json", "--log-level", "trace").wait_until_serving()
    daemon.end(signal.SIGTERM)
    lines = daemon.log.read_text().splitlines()
    assert len(lines) >= 3
    for line in lines:
        event = json.loads(line)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])
        assert {"level", "message"} <= event.keys()


def test_the_log_level_holds_back_what_is_less_severe(serve):
    daemon = serve("--log-level", "error").wait_until_serving()
    daemon.end(signal.SIGTERM)
    assert daemon.log.read_text() == ""


def test_the_limit_of_descriptors_is_raised(serve):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    daemon = serve(
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    ).wait_until_serving()
    assert resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)


def test_the_data_directory_is_for_its_user_only(serve, tmp_path):
    serve("--data-directory", "data").wait_until_serving()
    directory = tmp_path / "data"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "relaycast.sqlite3").stat().st_mode) == 0o600


def test_it_starts_again_after_a_kill(serve):
    daemon = serve().wait_until_serving()
    assert daemon.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert serve().wait_until_serving().end(signal.SIGTERM)[0] == 0


def test_the_whole_file_configures_it(serve, tmp_path):
    file = tmp_path / "relaycast.json"
    file.write_text(json.dumps({"dataDirectory": "elsewhere", "logFormat": "json"}))
    daemon = serve("--config", file).wait_until_serving()
    assert (tmp_path / "elsewhere").is_dir()
    assert json.loads(daemon.log.read_text().splitlines()[-1])["message"] == "serving"


def test_standard_error_that_is_full_does_not_end_it(binary, environment, tmp_path):
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0"],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=full,
        )
    with process:
        try:
            assert b"serves" in process.stdout.readline()
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("stuck", ["stderr", "stdout and stderr"])
def test_a_log_that_nobody_reads_holds_up_neither_requests_nor_the_end(
    binary, environment, tmp_path, stuck
):
    reader, writer = os.pipe()
    fill(writer)
    process = subprocess.Popen(
        [binary, "serve", "--listen", "none", "--unix-socket", "socket"],
        env=environment,
        cwd=tmp_path,
        stdout=writer if "stdout" in stuck else subprocess.DEVNULL,
        stderr=writer,
    )
    os.close(writer)
    try:
        client = Client(tmp_path / "socket")
        for number in range(500):
            client.request("DELETE", f"/v1/sessions/absent-{number}")
            answer = client.getresponse()
            answer.read()
            assert answer.status == 404
        start = time.monotonic()
        process.terminate()
        assert process.wait(20) == 0
        assert time.monotonic() - start < 2
    finally:
        process.kill()
        process.wait()
        os.close(reader)


def test_a_log_that_is_read_late_says_how_many_lines_were_dropped(binary, environment, tmp_path):
    reader, writer = os.pipe()
    filled = fill(writer)
    process = subprocess.Popen(
        [binary, "serve", "--listen", "none", "--unix-socket", "socket", "--log-format", "json"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=writer,
    )
    os.close(writer)
    try:
        client = Client(tmp_path / "socket")
        for _ in range(5000):
            client.request("DELETE", "/v1/sessions/absent")
            client.getresponse().read()
        with os.fdopen(reader, "rb") as log:
            assert len(log.read(filled)) == filled
            process.terminate()
            events = [json.loads(line) for line in log]
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    assert any(event["message"] == "serving" for event in events)
    assert events[-1]["message"] == "stopped"
    dropped = sum(int(event["dropped"]) for event in events if "dropped" in event)
    assert dropped > 0
    deletes = [event for event in events if event.get("method") == "DELETE"]
    # What is said of the end may find the buffer full as well.
    ends = [event["message"] for event in events if event["message"] in ("stopping", "draining")]
    assert dropped + len(deletes) + len(ends) == 5000 + 2


def test_why_it_could_not_start_is_written_before_it_ends(relaycast, tmp_path):
    (tmp_path / "file").touch()
    run = relaycast("serve", "--listen", "127.0.0.1:0", "--data-directory", "file/data")
    assert run.returncode == 73
    assert "cannot start" in run.stderr


def fill(writer: int) -> int:
    """Fills the pipe to its last byte; answers how many it took. It blocks again afterwards."""
    os.set_blocking(writer, False)
    filled = 0
    for size in (4096, 1):
        try:
            while True:
                filled += os.write(writer, b"." * size)
        except BlockingIOError:
            pass
    os.set_blocking(writer, True)
    return filled


class Client(http.client.HTTPConnection):
    """A connection to a daemon's Unix socket, made as soon as there is one."""

    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        deadline = time.monotonic() + self.timeout
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            try:
                return self.sock.connect(str(self.path))
            except (FileNotFoundError, ConnectionRefusedError):
                self.sock.close()
                assert time.monotonic() < deadline, "the daemon does not listen"
                time.sleep(0.01)
