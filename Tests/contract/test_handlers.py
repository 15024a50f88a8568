"""A daemon with handlers, and what the contract says of their sessions."""

import json
import pathlib

from contract.document import Document
from support import Daemon, Network

RECEIVER = {
    "name": "r",
    "kind": "multicast-receiver",
    "group": "239.1.2.3",
    "port": 9006,
    "interface": "eth0",
    "reply": {"handler": "cat", "to": "sender", "perSecondMax": 7},
}


def test_a_handler_is_named_and_its_runs_are_counted(
    binary: str, network: Network, document: Document, tmp_path: pathlib.Path
) -> None:
    configuration = tmp_path / "relaycast.json"
    handlers = {"cat": {"argv": ["/bin/cat"]}, "a.b": {"argv": ["/bin/false"]}}
    configuration.write_text(json.dumps({"handlers": handlers}))
    with Daemon(binary, network, ["--config", str(configuration)]) as daemon:
        client = daemon.client()
        server = document.check("getServer", client.get("/v1/server")).json()
        assert server["handlers"] == ["a.b", "cat"]
        made = document.check("createSession", client.post("/v1/sessions", RECEIVER))
        assert (made.status, made.json()["reply"]) == (201, RECEIVER["reply"])
        counters = document.check("getCounters", client.get("/v1/sessions/r/counters")).json()
        assert counters["handler"] == {
            "runs": 0,
            "failed": {"exitStatus": 0, "timeOut": 0, "outputTooLong": 0, "notStarted": 0},
            "busy": 0,
        }
        exported = document.check("exportSessions", client.get("/v1/export")).json()
        assert exported["items"][0]["reply"] == RECEIVER["reply"]
