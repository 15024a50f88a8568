"""scripts/check-layering finds what it is there to find, and nothing else."""

import json
import pathlib
import subprocess

import pytest

CHECK = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check-layering"

# The targets as declared in the small trees that these tests make.
DECLARED = {
    "RelayModel": [],
    "RelayEngine": ["RelayModel", "CRelaySocket"],
    "HTTPHosting": ["CMicroHTTPD", "HTTPTypes"],
    "ControlPlane": ["RelayModel", "RelayEngine", "HTTPHosting"],
}


def check(folder: pathlib.Path, files: dict[str, str], declared=DECLARED):
    """Runs the check on a tree with the given files; answers its status and its messages."""
    for path, text in files.items():
        file = folder / "Sources" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    manifest = folder / "manifest.json"
    targets = [
        {
            "name": name,
            "type": "regular",
            "dependencies": [{"byName": [module, None]} for module in modules],
        }
        for name, modules in declared.items()
    ]
    manifest.write_text(json.dumps({"targets": targets}))
    run = subprocess.run(
        [CHECK, "--sources", folder / "Sources", "--manifest", manifest],
        capture_output=True,
        text=True,
    )
    return run.returncode, run.stderr


@pytest.mark.parametrize(
    "path, text, sentence",
    [
        ("RelayModel/A.swift", "import Foundation\n", "RelayModel must not import Foundation"),
        ("RelayModel/A.swift", "import RelayEngine\n", "RelayModel must not import RelayEngine"),
        ("RelayEngine/A.swift", "import HTTPHosting\n", "RelayEngine must not import HTTPHosting"),
        (
            "HTTPHosting/A.swift",
            "private import RelayModel\n",
            "HTTPHosting must not import RelayModel",
        ),
        (
            "ControlPlane/A.swift",
            "@preconcurrency import CMicroHTTPD\n",
            "ControlPlane must not import CMicroHTTPD",
        ),
        (
            "ControlPlane/A.swift",
            "import struct CRelaySocket.epoll\n",
            "ControlPlane must not import CRelaySocket",
        ),
        # Allowed by the table, but not declared.
        ("ControlPlane/A.swift", "import Logging\n", "ControlPlane must not import Logging"),
        ("Common/A.swift", "\n", "Common is not a target"),
    ],
)
def test_a_wrong_import_is_found(tmp_path, path, text, sentence):
    status, messages = check(tmp_path, {path: text})
    assert status == 1
    assert f"Sources/{path}:1: {sentence}" in messages


@pytest.mark.parametrize(
    "line",
    [
        "let n = unsafe read(1, p, 1)",
        "@unsafe func f() {}",
        "func f(_ p: UnsafeMutableRawPointer) {}",
        "nonisolated(unsafe) var n = 0",
    ],
)
def test_unsafe_code_outside_the_allowed_places_is_found(tmp_path, line):
    text = f"// Safe because of nothing.\n{line}\n"
    status, messages = check(tmp_path, {"ControlPlane/A.swift": text})
    assert status == 1
    assert "Sources/ControlPlane/A.swift:2: memory safety" in messages


def test_unsafe_code_must_say_why_it_is_safe(tmp_path):
    file = "RelayEngine/Sockets/A.swift"
    assert check(tmp_path, {file: "let n = unsafe f()\n"})[0] == 1
    assert check(tmp_path, {file: "// Safe because f only reads.\nlet n = unsafe f()\n"})[0] == 0


def test_a_dependency_against_the_arrows_is_found(tmp_path):
    status, messages = check(tmp_path, {}, DECLARED | {"HTTPHosting": ["RelayEngine"]})
    assert status == 1
    assert "HTTPHosting must not depend on RelayEngine" in messages


def test_a_target_without_a_row_is_found(tmp_path):
    status, messages = check(tmp_path, {}, DECLARED | {"Utils": []})
    assert status == 1
    assert "Utils has no row" in messages


def test_comments_and_strings_are_no_code(tmp_path):
    text = '// import Foundation, unsafe\n/* unsafe\nimport Glibc */\nlet s = "unsafe"\n'
    assert check(tmp_path, {"RelayModel/A.swift": text})[0] == 0


def test_imports_that_the_table_allows_pass(tmp_path):
    files = {
        "RelayEngine/A.swift": "import CRelaySocket\nimport RelayModel\nimport Synchronization\n",
        "HTTPHosting/A.swift": "internal import CMicroHTTPD\nimport HTTPTypes\n",
    }
    status, messages = check(tmp_path, files)
    assert (status, messages) == (0, "")
