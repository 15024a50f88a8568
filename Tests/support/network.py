"""A network of its own, so that nothing a test sends reaches the host's interfaces."""

import json
import pathlib
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

DOORMAN = pathlib.Path(__file__).with_name("doorman.py")


class Network:
    """A network namespace, usable without root, that lives as long as the `with` block.

        ┌───────────────── namespace ─────────────────┐
        │ lo    127.0.0.1, ::1                         │
        │ eth0  192.168.10.1/24, fd00:10::1/64 ─┐      │
        │ eth0-peer (no address) ───────────────┘      │
        │ route 224.0.0.0/4 dev eth0                   │
        └──────────────────────────────────────────────┘

    With `routed=False` there is only `lo`, and no route to any group.
    """

    def __init__(self, routed: bool = True) -> None:
        self._routed = routed
        self._lock = threading.Lock()

    def __enter__(self) -> "Network":
        self._door, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._door.settimeout(10)
        with inside:
            self._doorman = subprocess.Popen(
                ["unshare", "--user", "--map-root-user", "--net"]
                + [sys.executable, str(DOORMAN), str(inside.fileno())],
                pass_fds=[inside.fileno()],
                stdin=subprocess.DEVNULL,
            )
        try:
            assert json.loads(self._door.recv(4096)) == {"ready": True}
            self._configure()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()
        try:
            self._doorman.wait(5)
        except subprocess.TimeoutExpired:
            self._doorman.kill()
            self._doorman.wait()

    def _configure(self) -> None:
        self.run(["ip", "link", "set", "lo", "up"])
        if not self._routed:
            return
        # Without duplicate address detection IPv6 addresses are usable at once.
        self.set_kernel_value("net/ipv6/conf/default/accept_dad", "0")
        self.run("ip link add eth0 type veth peer name eth0-peer".split())
        self.run("ip link set eth0 up".split())
        self.run("ip link set eth0-peer up".split())
        self.run("ip address add 192.168.10.1/24 broadcast + dev eth0".split())
        self.run("ip address add fd00:10::1/64 dev eth0 nodad".split())
        self.run("ip route add 224.0.0.0/4 dev eth0".split())

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line that runs `arguments` in here; it keeps the process id of its start."""
        enter = ["nsenter", "--target", str(self._doorman.pid), "--user", "--net"]
        return [*enter, "--preserve-credentials", "--", *arguments]

    def run(self, arguments: Sequence[str], **options: object) -> subprocess.CompletedProcess:
        """Runs a command in here and returns when it has ended; a failure is raised."""
        options = {"check": True, "timeout": 30, "stdin": subprocess.DEVNULL, **options}
        return subprocess.run(self.command(arguments), **options)

    def kernel_value(self, name: str) -> str:
        """A value of /proc/sys as this network sees it."""
        done = self.run(["cat", f"/proc/sys/{name}"], capture_output=True, text=True)
        return done.stdout.strip()

    def set_kernel_value(self, name: str, value: str) -> None:
        """Sets a value of /proc/sys for this network."""
        self.run(["sh", "-c", 'printf %s "$2" > "/proc/sys/$1"', "sh", name, value])

    def connect(self, address: str, port: int) -> socket.socket:
        """A TCP connection made in here."""
        return self._socket({"type": "tcp", "connect": [address, port]})

    def bound(self, address: str, port: int) -> socket.socket:
        """A UDP socket bound in here without SO_REUSEADDR, so that it holds its port alone."""
        return self._socket({"type": "udp", "bind": [address, port]})

    def _socket(self, request: dict) -> socket.socket:
        with self._lock:
            self._door.send(json.dumps(request).encode())
            message, descriptors, _, _ = socket.recv_fds(self._door, 4096, 1)
        if not descriptors:
            failure = json.loads(message)
            raise OSError(failure["errno"], failure["detail"])
        return socket.socket(fileno=descriptors[0])
