"""README.md as something to run: its fenced blocks, and what they say about themselves.

A block of an example begins with a fence such as

    ```sh example=1-client host=h2 stays

`sh` blocks are run in `host`; `stays` means until the example is over. A `json` block is the answer
of the last curl before it, and a `text` block what that command printed; with `host` it is what the
command that stays there `prints`, or what somebody `types` into it. In an answer "…" matches
anything, and members may be left out.
"""

import json
import pathlib
import re
from typing import Any, NamedTuple

PATH = pathlib.Path(__file__).resolve().parents[2] / "README.md"
ANYTHING = "…"
_FENCED = re.compile(r"^```(\w+)(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


class Block(NamedTuple):
    """One fenced block."""

    language: str
    # The `name=value` words of the fence.
    attributes: dict[str, str]
    # The other words of the fence.
    flags: set[str]
    text: str


def text() -> str:
    """The whole of README.md."""
    return PATH.read_text()


def blocks() -> list[Block]:
    """Every fenced block with a language, from top to bottom."""
    found = []
    for language, fence, body in _FENCED.findall(text()):
        words = fence.split()
        attributes = dict(word.split("=", 1) for word in words if "=" in word)
        flags = {word for word in words if "=" not in word}
        found.append(Block(language, attributes, flags, body))
    return found


def examples() -> dict[str, list[Block]]:
    """The blocks of each example, in order."""
    found: dict[str, list[Block]] = {}
    for block in blocks():
        if name := block.attributes.get("example"):
            found.setdefault(name, []).append(block)
    return found


def answers(output: str) -> list[Any]:
    """The JSON values that several curls in a row printed."""
    decoder, values, start = json.JSONDecoder(), [], 0
    while rest := output[start:].lstrip():
        value, length = decoder.raw_decode(rest)
        values.append(value)
        start = len(output) - len(rest) + length
    return values


def differences(shown: Any, actual: Any, where: str = "") -> list[str]:
    """Where an answer is not what the README shows."""
    if shown == ANYTHING:
        return []
    if isinstance(shown, dict) and isinstance(actual, dict):
        missing = [f"{where}/{key} is missing" for key in shown if key not in actual]
        return missing + [
            difference
            for key in shown
            if key in actual
            for difference in differences(shown[key], actual[key], f"{where}/{key}")
        ]
    if isinstance(shown, list) and isinstance(actual, list) and len(shown) == len(actual):
        return [
            difference
            for index, pair in enumerate(zip(shown, actual, strict=True))
            for difference in differences(*pair, f"{where}/{index}")
        ]
    return [] if shown == actual else [f"{where or '/'} is {actual!r}, not {shown!r}"]
