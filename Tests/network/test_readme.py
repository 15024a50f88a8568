"""README.md does what it says, and leaves nothing out.

The examples are run as they are pasted, with curl on h1, where the daemon is, and the real socat:

    h1 relaycast, curl ─┐              h1 eth1 ─┬─ bridge1          h1 eth2 ─── eth2 h2
    h2 socat           ─┼─ bridge0     h4 eth1 ─┘
    h3                 ─┘
"""

import json
import os
import re
import shlex
import shutil
import subprocess

import pytest
import readme
import yaml
from lab_sockets import socat
from namespaces import eventually

CONTRACT = yaml.safe_load((readme.PATH.parent / "openapi.yaml").read_text())


@pytest.fixture
def curl_installed():
    """The README's first tool."""
    assert shutil.which("curl"), "curl is not installed"


@pytest.fixture
def relaycast(start_daemon, h1):
    """Our daemon on h1, with the handlers that the README shows."""
    (block,) = (block for block in readme.blocks() if "handlers" in block.flags)
    return start_daemon(h1, configuration=json.loads(block.text))


@pytest.fixture
def networks(connect, h4):  # noqa: ARG001 (the second subnet is there)
    """The three networks of h1 that the README relays between."""
    connect("eth2")


class Walk:
    """Somebody who follows one example of the README, block by block."""

    def __init__(self, hosts):
        self._hosts, self._staying, self._output = hosts, {}, ""

    def take(self, block):
        """Does what the block says, or finds that it is not so."""
        host = block.attributes.get("host")
        match block.language:
            case "sh" if "stays" in block.flags:
                self._staying[host] = self._start(host, block.text)
            case "sh":
                self._output = self._run(host, block.text)
            case "json":
                self._compare(json.loads(block.text))
            case "text" if "types" in block.flags:
                self._staying[host].write(block.text.encode())
            case "text" if "prints" in block.flags:
                self._staying[host].wait_for_output(block.text.encode())
            case "text":
                assert self._output == block.text
            case other:
                raise AssertionError(f"nobody knows what to do with a block of {other}")

    def _start(self, host, command):
        words = shlex.split(command)
        assert words.pop(0) == "socat"
        return socat(self._hosts[host], *words, port=6666)

    def _run(self, host, script):
        output = self._hosts[host].run("bash", "-euc", script)
        if script.lstrip().startswith("curl"):
            for answer in readme.answers(output):
                assert "requestId" not in answer, f"{script}was answered {answer}"
        return output

    def _compare(self, shown):
        differences = readme.differences(shown, readme.answers(self._output)[-1])
        assert differences == [], f"the answer was {self._output}"


@pytest.mark.usefixtures("networks", "relaycast", "socat_installed", "curl_installed")
@pytest.mark.parametrize("name", readme.examples())
def test_an_example_works_when_pasted(lab, name):
    walk = Walk(lab.hosts)
    for block in readme.examples()[name]:
        walk.take(block)


def test_the_four_examples_of_the_tutorial_are_there():
    assert {name[0] for name in readme.examples()} >= {"1", "2", "3", "4"}


@pytest.mark.parametrize("name", readme.examples())
def test_an_example_deletes_what_it_creates(name):
    script = "".join(block.text for block in readme.examples()[name] if block.language == "sh")
    created = re.findall(r'"name": "([^"]+)"', script)
    deleted = re.findall(r"-X DELETE \S+/v1/sessions/(\S+)", script)
    assert sorted(created) == sorted(deleted)


def routes():
    """`METHOD /path` of every operation of the contract; HEAD goes with GET."""
    return sorted(
        f"{method.upper()} {path}"
        for path, item in CONTRACT["paths"].items()
        for method in item
        if method in ("get", "post", "put", "patch", "delete")
    )


def problem_codes(node=CONTRACT):
    """Every value that the contract gives to a problem's `code`."""
    if isinstance(node, list):
        return {code for item in node for code in problem_codes(item)}
    if not isinstance(node, dict):
        return set()
    found = {code for value in node.values() for code in problem_codes(value)}
    code = node.get("code")
    if isinstance(code, dict) and "required" not in node:
        found |= set(code.get("enum", [])) | ({code["const"]} if "const" in code else set())
    return found


def definition_fields():
    """Every member that a client may write or read in a session, by its schemas."""
    return sorted(
        {
            field
            for name, schema in CONTRACT["components"]["schemas"].items()
            if name.endswith("Definition")
            for field in schema.get("properties", {})
        }
    )


def in_code(word):
    """Whether the README has the word as code, alone or as the first of several words."""
    return re.search(rf"`{re.escape(word)}[`\s]", readme.text()) is not None


@pytest.mark.parametrize("route", routes())
def test_every_route_is_named(route):
    assert in_code(route)


@pytest.mark.parametrize("code", sorted(problem_codes()))
def test_every_problem_code_is_named(code):
    assert in_code(code)


def test_the_problem_codes_are_found_in_the_contract():
    assert {"invalid-json", "session-not-found", "draining", "cannot-send"} <= problem_codes()


def test_the_table_of_codes_is_that_of_the_contract():
    codes = CONTRACT["x-codes"]
    shown = {row[0]: row[1:] for row in rows() if len(row) == 3 and row[0].strip("`") in codes}
    assert shown == {
        f"`{code}`": [", ".join(entry["in"]), entry["means"]] for code, entry in codes.items()
    }


@pytest.mark.parametrize("field", definition_fields())
def test_every_field_of_a_session_is_named(field):
    assert in_code(field)


@pytest.mark.parametrize(
    "member", [*CONTRACT["components"]["schemas"]["Counters"]["properties"]["dropped"]["required"]]
)
def test_every_drop_reason_is_named(member):
    assert in_code(member)


@pytest.fixture(scope="module")
def program():
    """Runs the relaycast binary without a network of its own."""
    binary = os.environ.get("RELAYCAST_BINARY")
    if not binary:
        pytest.skip("RELAYCAST_BINARY does not name the relaycast executable")

    def run(*arguments):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("RELAYCAST_")}
        return subprocess.run(
            [os.path.abspath(binary), *arguments],
            env=clean, capture_output=True, text=True, timeout=20, check=True,
        ).stdout  # fmt: skip

    return run


def test_every_setting_is_named_with_its_default(program):
    text = " ".join(program("serve", "--help").split())
    flags = set(re.findall(r"--[a-z][a-z-]+", text)) - {"--help", "--version"}
    variables = set(re.findall(r"RELAYCAST_[A-Z_]+", text))
    assert len(flags) == len(variables) >= 14
    assert [word for word in sorted(flags | variables) if not in_code(word)] == []
    for line in program("check-config").splitlines():
        key, value, _ = re.split(r"\s{2,}", line)
        row = next(row for row in rows() if f"`{key}`" in row[2:3])
        words = [row[3], *re.split(r"[`, ]+", row[3])]
        assert value in words, f"{key} is {value} by default: {row}"


def test_every_exit_status_is_named(program):
    table = program("serve", "--help").partition("EXIT STATUS")[2].partition("USAGE")[0]
    for status in re.findall(r"^\s+(\d+)\s", table, re.MULTILINE):
        assert any(row[0] == status for row in rows())


def test_every_limit_is_named_with_its_number(relaycast):
    limits = relaycast.ask("GET", "/v1/server").json["limits"]
    assert len(limits) >= 14
    for name, number in limits.items():
        row = next((row for row in rows() if row[0] == f"`{name}`"), None)
        assert row, f"{name} is not in the table of limits"
        assert re.match(rf"{number}\b", row[1]), f"{name} is {number}: {row}"


def test_the_configuration_file_is_accepted(program, tmp_path):
    (shown,) = [block for block in readme.blocks() if "configuration" in block.flags]
    path = tmp_path / "relaycast.json"
    path.write_text(shown.text)
    report = program("check-config", "--config", str(path))
    for key in json.loads(shown.text):
        assert re.search(rf"^{key} .* file .*, key {key}$", report, re.MULTILINE)


def rows():
    """The cells of every row of every table."""
    lines = [line for line in readme.text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


SOURCES = readme.PATH.parent / "Sources"


def test_every_file_the_map_names_is_there():
    words = re.findall(r"`([\w+./*-]+\.(?:swift|c|h|py))`", (SOURCES / "README.md").read_text())
    assert len(words) > 30
    root = readme.PATH.parent
    found = [*root.glob("*.swift"), *SOURCES.rglob("*.*"), *(root / "Tests").rglob("*.py")]
    missing = {word for word in words if not any(path.match(word) for path in found)}
    assert missing == set()


def test_every_target_is_in_the_map():
    text = (SOURCES / "README.md").read_text()
    for target in SOURCES.iterdir():
        assert not target.is_dir() or f"| `{target.name}` |" in text


@pytest.mark.parametrize("page", [readme.PATH, SOURCES / "README.md"], ids=["README", "map"])
def test_every_link_leads_somewhere(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    prose = re.sub(r"`[^`\n]+`", "", page.read_text())
    for target in re.findall(r"\]\(([^)]+)\)", prose):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif not target.startswith("https://"):
            assert (page.parent / target).exists(), target
