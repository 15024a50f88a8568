"""Sessions as desired state: the requests, each answer held against the contract, and a look at
the daemon's sockets from outside."""

import contextlib
import os
import re
from typing import Any

from contract.document import Document
from support import Client, Daemon, Response

MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
SENDER = {"kind": "multicast-sender", "group": "239.11.0.1", "port": 9101, "interface": "eth0"}
RECEIVER = {"kind": "multicast-receiver", "group": "239.11.0.2", "port": 9102, "interface": "eth0"}
PEER = {"kind": "multicast-peer", "group": "239.11.0.3", "port": 9103, "interface": "eth0"}
BROADCAST = {"kind": "broadcast", "role": "sender", "port": 9104, "interface": "eth0"}
# What tells one incarnation and one version from another.
IDENTITY = ("id", "generation", "createdAt", "updatedAt", "status")


class Wanted:
    """A client that says how sessions shall be."""

    def __init__(self, client: Client, document: Document, daemon: Daemon) -> None:
        self.client, self.document, self._daemon = client, document, daemon
        self.host = daemon.host

    def create(self, definition: Any, headers: dict[str, str] | None = None) -> Response:
        """POST."""
        response = self.client.request("POST", "/v1/sessions", definition, headers)
        return self.document.check("createSession", response)

    def put(self, name: str, definition: Any, headers: dict[str, str] | None = None) -> Response:
        """PUT."""
        response = self.client.request("PUT", f"/v1/sessions/{name}", definition, headers)
        return self.document.check("putSession", response)

    def patch(self, name: str, patch: Any, headers: dict[str, str] | None = None) -> Response:
        """PATCH."""
        fields = MERGE_PATCH | (headers or {})
        response = self.client.request("PATCH", f"/v1/sessions/{name}", patch, fields)
        return self.document.check("patchSession", response)

    def get(self, name: str) -> Response:
        """GET."""
        return self.document.check("getSession", self.client.get(f"/v1/sessions/{name}"))

    def delete(
        self, name: str, query: str = "", headers: dict[str, str] | None = None
    ) -> Response:
        """DELETE of one."""
        response = self.client.request("DELETE", f"/v1/sessions/{name}{query}", headers=headers)
        return self.document.check("deleteSession", response)

    def delete_all(self, query: str) -> Response:
        """DELETE by selector; `query` is percent-encoded."""
        return self.document.check("deleteSessions", self.client.delete(f"/v1/sessions?{query}"))

    def apply(self, items: list[Any], query: str = "") -> Response:
        """POST of a set; `query` is percent-encoded."""
        response = self.client.post(f"/v1/apply?{query}", {"items": items})
        return self.document.check("applySessions", response)

    def export(self, query: str = "") -> list[dict]:
        """The definitions."""
        response = self.document.check("exportSessions", self.client.get(f"/v1/export?{query}"))
        assert response.status == 200, response.body
        return response.json()["items"]

    def names(self, query: str = "limit=1000") -> list[str]:
        """The names in a list."""
        response = self.client.get(f"/v1/sessions?{query}")
        assert response.status == 200, response.body
        return [item["name"] for item in response.json()["items"]]

    def revision(self) -> str:
        """Where the history of the sessions is."""
        return self.client.get("/v1/sessions?limit=1").json()["revision"]

    def send(self, name: str, count: int = 1) -> None:
        """Lets a session send datagrams."""
        body = {"datagrams": [{"text": str(index)} for index in range(count)]}
        response = self.client.post(f"/v1/sessions/{name}/datagrams", body)
        assert response.status == 200, response.body

    def sent(self, name: str) -> int:
        """How many datagrams a session counts as sent."""
        return self.client.get(f"/v1/sessions/{name}/counters").json()["sent"]["datagrams"]

    def sockets(self) -> dict[int, set[int]]:
        """The daemon's UDP sockets by local port: inodes, which no two sockets share."""
        own = {int(n) for link in self._links() for n in re.findall(r"^socket:\[(\d+)\]$", link)}
        found: dict[int, set[int]] = {}
        for table in ("udp", "udp6"):
            with open(f"/proc/{self._daemon.process.pid}/net/{table}") as lines:
                for words in map(str.split, list(lines)[1:]):
                    if int(words[9]) in own:
                        found.setdefault(int(words[1].rsplit(":", 1)[1], 16), set()).add(
                            int(words[9])
                        )
        return found

    def descriptors(self) -> int:
        """How many descriptors the daemon has open, without those of its clients."""
        udp = sum(len(inodes) for inodes in self.sockets().values())
        return udp + sum(1 for link in self._links() if not link.startswith("socket:"))

    def _links(self) -> list[str]:
        """What the daemon's descriptors stand for."""
        links = []
        for entry in os.scandir(f"/proc/{self._daemon.process.pid}/fd"):
            # The connection of the last request may be closed just now.
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(entry.path))
        return links


def results(response: Response) -> dict[str, str]:
    """What became of each session of an apply."""
    assert response.status == 200, response.body
    return {item["name"]: item["result"] for item in response.json()["items"]}


def code(response: Response) -> tuple[int, str | None]:
    """Status and problem code."""
    return response.status, response.json().get("code") if response.status >= 400 else None


def identity(session: dict) -> dict:
    """The members that tell incarnation and version."""
    return {key: session[key] for key in IDENTITY}
