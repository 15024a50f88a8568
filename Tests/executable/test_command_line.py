"""What the command line, the environment and the configuration file say, without serving."""

import json
import re

import pytest

FLAGS_OF_OTHER_NAMES = {"allowedHosts": "--allowed-host", "allowedOrigins": "--allowed-origin", "relays": "--relay"}
# What only the configuration file can have.
SECTIONS = {"handlers", "policy", "sessions"}


def keys(relaycast) -> list[str]:
    """The keys of all settings, as check-config lists them."""
    return [line.split()[0] for line in relaycast("check-config").stdout.splitlines()]


def words(key: str) -> list[str]:
    """The lower-case words of a camelCase key."""
    return re.sub(r"([A-Z]+)", r" \1", key).lower().split()


def test_the_version_is_a_semantic_version(relaycast):
    run = relaycast("--version")
    assert run.returncode == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?\n", run.stdout)


@pytest.mark.parametrize("command", ["serve", "check-config"])
def test_the_help_explains_every_setting(relaycast, command):
    run = relaycast(command, "--help")
    assert run.returncode == 0
    text = " ".join(run.stdout.split())
    all_keys = keys(relaycast)
    assert {"listen", "unixSocket", "dataDirectory", "logLevel", "sessionsMax"} <= set(all_keys)
    for key in set(all_keys) - SECTIONS:
        flag = FLAGS_OF_OTHER_NAMES.get(key, "--" + "-".join(words(key)))
        variable = "RELAYCAST_" + "_".join(words(key)).upper()
        assert f"{flag} <" in text
        assert f"(environment: {variable}, file: {key}, default: " in text
    assert "--config <FILE>" in text
    assert "RELAYCAST_CONFIG" in text


def test_the_help_explains_the_exit_status(relaycast):
    text = relaycast("serve", "--help").stdout
    for status in ["0", "64", "69", "70", "73", "74", "78"]:
        assert re.search(rf"^  {status} ", text, re.MULTILINE)


def test_check_config_prints_each_value_with_its_source(relaycast, tmp_path):
    file = tmp_path / "relaycast.json"
    file.write_text(json.dumps({"sessionsMax": 1, "logLevel": "debug", "bodyBytesMax": 2000}))
    run = relaycast(
        "check-config",
        *("--config", "relaycast.json", "--sessions-max", "3"),
        *("--listen", "127.0.0.1:81", "--listen", "[::1]:82"),
        variables={"RELAYCAST_SESSIONS_MAX": "2", "RELAYCAST_LOG_LEVEL": "error"},
    )
    assert (run.returncode, run.stderr) == (0, "")
    lines = [re.split(r"  +", line) for line in run.stdout.splitlines()]
    assert ["listen", "127.0.0.1:81, [::1]:82", "flag --listen"] in lines
    assert ["sessionsMax", "3", "flag --sessions-max"] in lines
    assert ["logLevel", "error", "environment RELAYCAST_LOG_LEVEL"] in lines
    assert ["bodyBytesMax", "2000", "file relaycast.json, key bodyBytesMax"] in lines
    assert ["dataDirectory", "relaycast-data", "default"] in lines


def test_check_config_touches_nothing(relaycast, tmp_path):
    relaycast("check-config", "--data-directory", "made", "--unix-socket", "socket")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["serve", "check-config"])
@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--listen", "0.0.0.0:8080"], 'flag --listen: "0.0.0.0:8080" is not on the loopback'),
        (["--listen", "nonsense"], 'flag --listen: "nonsense" is not ADDRESS:PORT'),
        (["--sessions-max", "0"], '"0" is not an integer from 1 to 100000'),
        (["--log-level", "loud"], 'flag --log-level: "loud" is not trace, debug'),
        (["--log-format", "xml"], 'flag --log-format: "xml" is not text or json'),
        (["--listen", "none"], "there is nothing to serve on"),
    ],
)
def test_a_wrong_flag_ends_with_status_64(relaycast, tmp_path, command, arguments, message):
    run = relaycast(command, *arguments)
    assert (run.returncode, run.stdout) == (64, "")
    assert message in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--listen"], ["surplus"]])
def test_a_command_line_that_cannot_be_read_ends_with_status_64(relaycast, arguments):
    run = relaycast("serve", *arguments)
    assert run.returncode == 64
    assert "Usage: relaycast serve" in run.stderr


def test_a_wrong_variable_ends_with_status_78(relaycast):
    run = relaycast("serve", variables={"RELAYCAST_SESSIONS_MAX": "many"})
    assert (run.returncode, run.stdout) == (78, "")
    assert 'environment RELAYCAST_SESSIONS_MAX: "many" is not an integer from 1' in run.stderr


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"sessionMax": 5}', "key sessionMax: is unknown; known are listen, "),
        ('{"sessionsMax": "5"}', 'key sessionsMax: "5" is not a number without a fraction'),
        ('{"sessionsMax": 0}', 'key sessionsMax: "0" is not an integer from 1 to 100000'),
        ('{"listen": ["10.0.0.1:80"]}', 'key listen: "10.0.0.1:80" is not on the loopback'),
        ("{", "is not JSON: "),
        ("[]", "is not a JSON object"),
    ],
)
def test_a_wrong_file_ends_with_status_78(relaycast, tmp_path, text, message):
    file = tmp_path / "relaycast.json"
    file.write_text(text)
    run = relaycast("serve", "--config", file)
    assert (run.returncode, run.stdout) == (78, "")
    assert f"file {file}" in run.stderr
    assert message in run.stderr


def test_a_missing_file_ends_with_status_78(relaycast):
    run = relaycast("check-config", "--config", "missing.json")
    assert (run.returncode, run.stdout) == (78, "")
    assert "file missing.json: cannot be read: No such file or directory" in run.stderr


def test_every_error_is_reported_at_once(relaycast):
    run = relaycast(
        "check-config", "--listen", "x", "--log-level", "y", variables={"RELAYCAST_LOG_FORMAT": "z"}
    )
    assert len(run.stderr.splitlines()) == 3


def test_a_variable_that_means_nothing_is_warned_about(relaycast):
    run = relaycast("check-config", variables={"RELAYCAST_SESSION_MAX": "5"})
    assert run.returncode == 0
    assert "RELAYCAST_SESSION_MAX means nothing to relaycast" in run.stderr
