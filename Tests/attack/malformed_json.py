"""Bodies that are almost JSON: valid ones, damaged in every way that a seed finds."""

import json
import random
from collections.abc import Iterator

# As deep as the daemon reads.
DEPTH_MAX = 128

TEMPLATES = [
    {"name": "cam1", "kind": "multicast-receiver", "group": "239.1.2.3", "port": 5004,
     "allow": ["10.0.0.0/8", "192.168.0.0/16"], "labels": {"site": "a", "env": "prod"},
     "reply": {"template": "{hostname} \u00e9 \U0001f600", "perSecondMax": 5}, "enabled": False},
    {"kind": "broadcast", "role": "receiver", "port": 9, "accept": ["unicast"], "persist": False,
     "annotations": {"text": "a \"quoted\" \\ line\nand another \u2028"}, "enabled": False},
]
WORDS = [
    b"null", b"true", b"nul", b"NaN", b"-Infinity", b"1e999", b"-1e-999", b"9" * 400, b"-", b"01",
    b"+1", b".5", b"5.", b"1e", b"0x10", b"--1", b"1_000", b"[", b"]", b"{", b"}", b",", b":",
    b"[]", b"{}", b'""', b'"', b"'a'", b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u12"', b'"\\x41"',
    b'"\\', b'"\\u0000"', b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82",
    b"\xef\xbb\xbf", b"\0", b"\n", b"\x1f", b"\x7f", b"/*x*/", b"//x\n", b"\xa0", b"\xe2\x80\xa8",
]


def malformed(seed: int, count: int) -> Iterator[bytes]:
    """Bodies that no strict reader takes for JSON."""
    chance = random.Random(seed)
    texts = [json.dumps(template).encode() for template in TEMPLATES]
    texts += [json.dumps(template, ensure_ascii=False).encode() for template in TEMPLATES]
    while count > 0:
        body = chance.choice(texts)
        for _ in range(chance.choice([1, 1, 1, 2, 5])):
            body = chance.choice(DAMAGES)(chance, body)
        if not is_json(body):
            yield body
            count -= 1


def truncate(chance: random.Random, body: bytes) -> bytes:
    """The beginning only."""
    return body[: chance.randrange(len(body) + 1)]


def flip(chance: random.Random, body: bytes) -> bytes:
    """Up to three bits are wrong."""
    damaged = bytearray(body)
    for _ in range(chance.randrange(1, 4)):
        if damaged:
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def put_in(chance: random.Random, body: bytes) -> bytes:
    """Something is put in, perhaps in place of what was there."""
    start = chance.randrange(len(body) + 1)
    end = start + chance.choice([0, 0, 1, chance.randrange(10)])
    return body[:start] + chance.choice(WORDS) + body[end:]


def repeat_member(chance: random.Random, body: bytes) -> bytes:
    """A member comes twice; the second time its name may be written with an escape."""
    name = chance.choice([b'"kind"', b'"port"', b'"\\u006bind"', b'"por\\u0074"'])
    return body[:1] + name + b":1," + body[1:]


def nest(chance: random.Random, body: bytes) -> bytes:
    """A value lies deeper than anything needs to."""
    depth = chance.choice([DEPTH_MAX, DEPTH_MAX + 1, 1000, 20_000])
    opening, closing = chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
    middle = b"0" if chance.random() < 0.5 else b""
    nested = opening * depth + middle + closing * chance.choice([depth, depth - 1, 0])
    return body[:1] + b'"annotations":' + nested + b"," + body[1:]


def shuffle(chance: random.Random, body: bytes) -> bytes:
    """Two pieces change places."""
    first, second = sorted(chance.randrange(len(body) + 1) for _ in range(2))
    return body[second:] + body[first:second] + body[:first]


DAMAGES = [truncate, flip, put_in, put_in, repeat_member, nest, shuffle]


def is_json(body: bytes) -> bool:
    """Whether it is RFC 8259 text without repeated members or lone surrogates, not too deep.

    The parser is Python's, which shares nothing with the daemon's.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=unique,
            parse_constant=refuse,
            parse_int=str,
            parse_float=str,
        )
        return depth(value) <= DEPTH_MAX
    except (ValueError, RecursionError):
        return False


def unique(pairs: list) -> dict:
    """An object, if no member comes twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member comes twice")
    return members


def refuse(word: str) -> None:
    """NaN and the infinities are not JSON."""
    raise ValueError(word)


def depth(value: object) -> int:
    """How many arrays and objects lie in one another; ValueError for a lone surrogate."""
    if isinstance(value, str):
        value.encode("utf-8")
    if isinstance(value, dict):
        return 1 + max((max(depth(key), depth(item)) for key, item in value.items()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(item) for item in value), default=0)
    return 0
