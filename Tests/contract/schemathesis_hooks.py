"""What schemathesis cannot know of the daemon: that one parameter needs another, and that events
come for as long as somebody listens."""

import re
import uuid
from typing import Any

import requests
import schemathesis
from schemathesis.generation.meta import TestPhase

_send = requests.adapters.HTTPAdapter.send


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Makes of a request what schemathesis would have made of it had it known."""
    operation = case.operation.definition.raw.get("operationId")
    if operation == "applySessions":
        _join_prune_and_selector(case)
    if case.meta.generation.mode.is_positive and isinstance(case.body, dict):
        for definition in [case.body, *case.body.get("items", [])]:
            _mend_targets(definition)
    if operation == "createSession":
        _renew_idempotency_key(case)
    if case.meta.phase.name == TestPhase.COVERAGE:
        _drop_bad_conditions(case)


def _join_prune_and_selector(case: Any) -> None:
    """Gives `prune` its selector, and a selector its `prune`; test_apply.py has what becomes of
    one without the other."""
    prune = case.query.get("prune", False)
    if prune in (True, "true") and "selector" not in case.query:
        case.query["selector"] = "env=schemathesis"
    elif prune in (False, "false") and "selector" in case.query:
        case.query["prune"] = "true"


def _mend_targets(definition: Any) -> None:
    """Takes from a valid definition what no schema can forbid: a second target of the same
    destination, and a jitter that is more than the delay; test_definitions.py has them."""
    targets = definition.get("forward") if isinstance(definition, dict) else None
    if not targets:
        return
    # An address has several spellings: a port is enough.
    destinations = {target.get("session", target.get("port")): target for target in targets}
    targets[:] = destinations.values()
    for target in targets:
        chaos = target.get("chaos", {})
        if chaos.get("jitterMilliseconds", 0) > chaos.get("delayMilliseconds", 0):
            del chaos["jitterMilliseconds"]


def _drop_bad_conditions(case: Any) -> None:
    """Takes a malformed If-Match or If-None-Match out of requests that are about something else.

    Schemathesis finds no value for a header whose pattern asks for quotes, puts a bad one into
    every request, also into those it calls valid, and so every other fault would go unseen.
    """
    schemas = case.operation.schema.raw_schema["components"]["schemas"]
    for name in ("If-Match", "If-None-Match"):
        value = (case.headers or {}).get(name)
        if value is None or case.meta.phase.data.parameter == name:
            continue
        if not re.search(schemas["EntityTags"]["pattern"], str(value)):
            del case.headers[name]


def _renew_idempotency_key(case: Any) -> None:
    """Gives a key that was used before, in whatever phase, another value where a created session
    must be there. Replayed, a 201 is about a session that may be gone by now, and that is right."""
    key = (case.headers or {}).get("Idempotency-Key")
    if case.meta.phase.name == TestPhase.STATEFUL and key is not None and key in _used_keys:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    _used_keys.add(key)


_used_keys: set[str | None] = set()


def _send_and_end(
    self: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **options: Any
) -> requests.Response:
    """Leaves a stream of events when the first has come."""
    response = _send(self, request, **options)
    if response.headers.get("Content-Type", "").startswith("text/event-stream"):
        content = b""
        for chunk in response.iter_content(chunk_size=None):
            content += chunk
            if b"data: " in content and content.endswith(b"\n\n"):
                break
        response.close()
        response._content = content
    return response


requests.adapters.HTTPAdapter.send = _send_and_end
