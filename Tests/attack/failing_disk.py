"""Disks that are small, fail on command, or lose their power."""

import pathlib
import shutil
import subprocess
from collections.abc import Sequence

from support import Client, Daemon, Network

SOURCE = pathlib.Path(__file__).with_name("disk.c")


class MountNamespace:
    """A network with mounts of its own, on which a daemon can be started in the network's place."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.connect = network.connect
        self.bound = network.bound

    def __enter__(self) -> "MountNamespace":
        self._holder = subprocess.Popen(
            self._network.command(["unshare", "--mount", "sh", "-c", "echo ready; exec cat"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.stdin.close()
        self._holder.stdout.close()
        self._holder.wait(10)

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line that runs `arguments` with these mounts."""
        enter = ["nsenter", "--target", str(self._holder.pid), "--mount", "--"]
        return self._network.command([*enter, *arguments])

    def run(self, *arguments: str) -> None:
        """Runs a command with these mounts to its end."""
        subprocess.run(self.command(list(arguments)), check=True, timeout=30)

    def mount(self, directory: pathlib.Path, size: str) -> pathlib.Path:
        """Mounts an empty tmpfs of this size; answers where it is to be seen from outside."""
        directory.mkdir()
        self.run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", str(directory))
        return pathlib.Path(f"/proc/{self._holder.pid}/root{directory}")


class Disk:
    """A network on which daemons write to the disk of disk.c; see there."""

    def __init__(self, network: Network, directory: pathlib.Path) -> None:
        self._network = network
        self.connect = network.connect
        self._directory = directory
        self._library = directory / "disk.so"
        build = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
        subprocess.run([*build, "-o", self._library, SOURCE, "-ldl"], check=True, timeout=60)
        (directory / "durable").mkdir()

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line that runs `arguments` on this disk."""
        disk = [f"RELAYCAST_DISK={self._directory}/", f"LD_PRELOAD={self._library}"]
        return self._network.command(["env", *disk, *arguments])

    def fail(self, fault: str) -> None:
        """From now on this fails: `fsync ERRNO`, or `write ERRNO BYTES` after so many bytes."""
        part = self._directory / "fault.part"
        part.write_text(fault)
        part.rename(self._directory / "fault")

    def mend(self) -> None:
        """From now on nothing fails."""
        (self._directory / "fault").unlink()

    def lose_power(self, daemon: Daemon) -> None:
        """Ends the daemon, and leaves it only what was on the disk."""
        kill(daemon)
        data = daemon.directory / "data"
        for path in data.iterdir():
            path.unlink()
        for path in (self._directory / "durable").iterdir():
            shutil.copy(path, data)


def kill(daemon: Daemon) -> None:
    """Ends the daemon with SIGKILL."""
    process, daemon.process = daemon.process, None
    process.kill()
    process.wait(10)


def definition(name: str, **members: object) -> dict:
    """A session with a socket."""
    receiver = {"kind": "multicast-receiver", "group": "239.255.7.7", "port": 5004}
    return {"name": name, "interface": "lo", **receiver, **members}


def sessions(client: Client) -> dict[str, str]:
    """The id of every session by its name."""
    found: dict[str, str] = {}
    token = ""
    while True:
        page = client.get(f"/v1/sessions?limit=1000{token}").json()
        found |= {item["name"]: item["id"] for item in page["items"]}
        if "nextPageToken" not in page:
            return found
        token = f"&pageToken={page['nextPageToken']}"
