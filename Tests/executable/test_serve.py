"""How the daemon starts and ends, seen from outside."""

import json
import os
import re
import resource
import signal
import stat
import subprocess

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
