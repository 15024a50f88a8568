"""Three hosts on one bridge, made of network namespaces, without root.

The lab is one `unshare` with its own user, mount, network and process namespace. Its first process
reads a pipe that only the test process holds: when the test process ends, however it ends, the pipe
closes, that process removes the lab's directory and ends, and the kernel kills every process of the
lab and removes its interfaces. Nothing has to be cleaned up by hand, nothing can be left behind.
"""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HOSTS = {"h1": 1, "h2": 2, "h3": 3}

# The bridge floods multicast (no snooping): with snooping and no querier it would cut groups off
# after some minutes. Without duplicate address detection IPv6 addresses can be used at once.
SET_UP = """
set -e
mount -t tmpfs tmpfs /run
ip link set lo up
ip link add bridge0 type bridge mcast_snooping 0 stp_state 0
ip link set bridge0 up
for number in 1 2 3; do
    host=h$number
    ip netns add $host
    ip netns exec $host sh -c 'cd /proc/sys/net/ipv6/conf
        for interface in all default; do echo 0 >$interface/accept_dad; done'
    ip link add port$number type veth peer name eth0 netns $host
    ip link set port$number master bridge0 up
    ip -n $host link set lo up
    ip -n $host address add 192.168.10.$number/24 broadcast + dev eth0
    ip -n $host address add fd00:10::$number/64 dev eth0 nodad
    ip -n $host link set eth0 up
    ip -n $host route add 224.0.0.0/4 dev eth0
done
echo ready
cat >/dev/null
rm -rf "$1"
"""
PR_SET_PDEATHSIG = 1  # prctl(2)
SIOCGIFINDEX = 0x8933  # linux/sockios.h


class MissingCapability(Exception):
    """This machine cannot build the lab; the text says what is missing."""


def eventually(condition, seconds=5.0, what=""):
    """The first true value of `condition()`; an AssertionError when there is none in `seconds`.

    `what` is the text of that error, or a function that makes it then.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {seconds} s: {text} (last: {value!r})")
        time.sleep(0.005)


def children(pid):
    """The processes whose parent is `pid`, as numbers of the namespace we look from."""
    try:
        return [
            int(n) for n in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _send(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _end_with_the_test_process():
    # For nsenter, which is outside the lab's process namespace and stops with a frozen command.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A command in a host. What it prints goes to files, so that it never waits for a reader."""

    def __init__(self, prefix, command, directory, pass_fds=()):
        self.command = [str(word) for word in command]
        output, self._output = tempfile.mkstemp(dir=directory, prefix="stdout-")
        errors, self._errors = tempfile.mkstemp(dir=directory, prefix="stderr-")
        self.popen = subprocess.Popen(
            [*prefix, *self.command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            start_new_session=True,
            pass_fds=pass_fds,
            preexec_fn=_end_with_the_test_process,
        )
        os.close(output)
        os.close(errors)
        # nsenter stays as the parent of the command, which alone is in the lab's process namespace.
        self.pid = None
        eventually(self._is_executed, what=f"start of {self.command}")

    def _is_executed(self):
        if self.popen.poll() is not None:
            return True
        for pid in children(self.popen.pid):
            try:
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            # A script shows its interpreter first.
            if self.command[0].encode() in words[:2]:
                self.pid = pid
                return True
        return False

    @property
    def output(self):
        """Everything on standard output so far."""
        return pathlib.Path(self._output).read_bytes()

    @property
    def errors(self):
        """Everything on standard error so far, as text."""
        return pathlib.Path(self._errors).read_text(errors="replace")

    def write(self, data):
        """Gives `data` to standard input in one write: socat makes one datagram of it."""
        os.write(self.popen.stdin.fileno(), data)

    def wait_for_output(self, expected, seconds=5.0):
        """Waits until `expected` is part of the output; returns the whole output."""
        eventually(
            lambda: expected in self.output,
            seconds,
            lambda: f"{expected!r} from {self.command}; it printed {self.output!r} {self.errors!r}",
        )
        return self.output

    def wait(self, seconds=10.0):
        """Closes standard input, waits for the end, and returns the exit status (-N: signal N)."""
        if self.popen.stdin and not self.popen.stdin.closed:
            self.popen.stdin.close()
        return self.popen.wait(seconds)

    def signal(self, number):
        """Sends a signal to the command."""
        if self.popen.poll() is None and self.pid:
            _send(self.pid, number)

    def freeze(self):
        """Stops the command (SIGSTOP) until `thaw`."""
        self.signal(signal.SIGSTOP)
        eventually(lambda: self._state() == "T", what="the process stops")

    def thaw(self):
        """Lets a frozen command, and nsenter, which stopped with it, go on."""
        for pid in (self.popen.pid, self.pid):
            _send(pid, signal.SIGCONT)

    def _state(self):
        return pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def kill(self):
        """Ends the command and what it started; harmless when it has ended."""
        # Not nsenter: it must live on to collect its child, for which the lab would wait otherwise.
        if self.popen.poll() is None and self.pid:
            for pid in [*children(self.pid), self.pid]:
                _send(pid, signal.SIGKILL)
            self.thaw()
            self.popen.wait(10)
        if self.popen.stdin:
            self.popen.stdin.close()

    def udp_ports(self):
        """The local UDP ports of the sockets this process holds."""
        inodes = set()
        for entry in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                target = os.readlink(entry)
            except FileNotFoundError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        ports = set()
        for table in ("udp", "udp6"):
            for line in pathlib.Path(f"/proc/{self.pid}/net/{table}").read_text().splitlines()[1:]:
                columns = line.split()
                if columns[9] in inodes:
                    ports.add(int(columns[1].rpartition(":")[2], 16))
        return ports


class Host:
    """One of the hosts: 192.168.10.N, fd00:10::N, interface eth0, its own host name."""

    def __init__(self, lab, name, number, subnet=10):
        self.lab, self.name, self.number = lab, name, number
        self.address = f"192.168.{subnet}.{number}"
        self.address6 = f"fd00:{subnet}::{number}"
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # The broker makes sockets in this host and hands them to the test process.
        self._broker = self.start(
            sys.executable, "-IS", __file__, theirs.fileno(), pass_fds=[theirs.fileno()]
        )
        theirs.close()

    def start(self, *command, through=(), pass_fds=()):
        """Starts a command in this host; `through` is a command that executes it, if any."""
        name_and_run = 'hostname "$0" && exec "$@"'
        prefix = ["ip", "netns", "exec", self.name, "unshare", "--uts", "--"]
        prefix += ["sh", "-c", name_and_run, self.name, *through]
        return self.lab.start(*prefix, command=command, pass_fds=pass_fds)

    def run(self, *command, seconds=10.0):
        """Runs a command in this host to its end and returns what it printed."""
        process = self.start(*command)
        status = process.wait(seconds)
        output, errors = process.output.decode(), process.errors
        process.kill()
        assert status == 0, f"{self.name}: {command} ended with {status}: {errors}"
        return output

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM, protocol=0):
        """A socket of this host, to be used in the test process like any other."""
        self._ours.send(f"{int(family)} {int(kind)} {protocol}".encode())
        _, descriptors, _, _ = socket.recv_fds(self._ours, 16, 1)
        return socket.socket(fileno=descriptors[0])

    def proc_net(self, name):
        """The text of /proc/net/NAME as this host sees it."""
        return pathlib.Path(f"/proc/{self._broker.pid}/net/{name}").read_text()

    def groups(self, interface="eth0"):
        """The multicast groups joined on an interface, both families (/proc/net/igmp, igmp6)."""
        found, current = set(), None
        for line in self.proc_net("igmp").splitlines()[1:]:
            words = line.split()
            if not line.startswith("\t"):
                current = words[1].rstrip(":")
            elif current == interface:
                # The kernel prints the address as a number of the machine's byte order.
                raw = int(words[0], 16).to_bytes(4, sys.byteorder)
                found.add(socket.inet_ntop(socket.AF_INET, raw))
        for line in self.proc_net("igmp6").splitlines():
            _, current, address = line.split()[:3]
            if current == interface:
                found.add(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address)))
        return found

    def interface_index(self, interface="eth0"):
        """The kernel's number of an interface of this host (netdevice(7))."""
        with self.socket() as made:
            request = struct.pack("16si20x", interface.encode(), 0)
            return struct.unpack("16si20x", fcntl.ioctl(made, SIOCGIFINDEX, request))[1]

    def link_local(self, interface="eth0"):
        """The fe80:: address of an interface of this host."""
        for line in self.proc_net("if_inet6").splitlines():
            address, _, _, scope, _, name = line.split()
            if name == interface and scope == "20":
                return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address))
        raise AssertionError(f"{self.name}: {interface} has no link-local address")


class Lab:
    """The three hosts. `close()` ends every process in it; so does the end of the test process."""

    def __init__(self):
        for tool in ("unshare", "nsenter", "ip", "mount"):
            if not shutil.which(tool):
                raise MissingCapability(f"{tool} is not installed (packages util-linux, iproute2)")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="relaycast-lab-"))
        self.processes, self._brokers = [], []
        isolate = ["unshare", "-rnmp", "--fork", "--mount-proc"]
        self._first = subprocess.Popen(
            [*isolate, "sh", "-c", SET_UP, "lab", self.directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        if self._first.stdout.readline() != b"ready\n":
            reason = self._first.stderr.read().decode().strip()
            self.close()
            raise MissingCapability(f"namespaces cannot be set up: {reason}")
        self._inside = children(self._first.pid)[0]
        self.hosts = {name: Host(self, name, number) for name, number in HOSTS.items()}
        for family in (socket.AF_INET, socket.AF_INET6):
            self._wait_for_the_network(family)
        # From here on only what tests start is in the list.
        self._brokers, self.processes = self.processes, []

    def start(self, *prefix, command, pass_fds=()):
        """Starts a command in the lab, behind commands that lead to the host."""
        enter = ["nsenter", f"--target={self._inside}", "--user", "--preserve-credentials"]
        process = Process(
            [*enter, "--mount", "--net", "--pid", "--", *prefix], command, self.directory, pass_fds
        )
        self.processes.append(process)
        return process

    def add_host(self, name, number, subnet):
        """A host whose namespace a test has made; it lives as long as the lab."""
        known = len(self.processes)
        host = Host(self, name, number, subnet)
        self._brokers += self.processes[known:]
        del self.processes[known:]
        self.hosts[name] = host
        return host

    def run(self, *command):
        """Runs a command beside the hosts, where the bridge and its ports are."""
        process = self.start(command=command)
        assert process.wait() == 0, f"{command}: {process.errors}"
        process.kill()

    def end_processes(self):
        """Ends what the last test left running."""
        for process in reversed(self.processes):
            process.kill()
        self.processes.clear()

    def close(self):
        """Ends the lab and everything in it."""
        if self.processes:
            self.end_processes()
        for process in self._brokers:
            process.kill()
        self._first.stdin.close()
        self._first.stdout.close()
        self._first.stderr.close()
        self._first.wait(10)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _wait_for_the_network(self, family):
        def address(host):
            return host.address if family == socket.AF_INET else host.address6

        for sender in self.hosts.values():
            for receiver in self.hosts.values():
                with sender.socket(family) as outbound, receiver.socket(family) as inbound:
                    inbound.bind((address(receiver), 0))
                    inbound.settimeout(0.05)
                    eventually(lambda: _crosses(outbound, inbound), 10, "the hosts hear each other")


def _crosses(outbound, inbound):
    try:
        outbound.sendto(b"?", inbound.getsockname()[:2])
        return inbound.recv(1)
    except OSError:
        return None


def _hand_out_sockets(descriptor):
    """The broker of a host: answers each request with a socket made here."""
    with socket.socket(fileno=descriptor) as channel:
        while request := channel.recv(64):
            family, kind, protocol = map(int, request.split())
            with socket.socket(family, kind, protocol) as made:
                socket.send_fds(channel, [b"."], [made.fileno()])


if __name__ == "__main__":
    _hand_out_sockets(int(sys.argv[1]))
