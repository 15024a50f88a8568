"""Three hosts in a row, made of network namespaces: sender, relay, receiver.

    sender 10.71.1.1 ── 10.71.1.2 relay 10.71.2.1 ── 10.71.2.2 receiver

Everything a sender's datagram causes up to the relay's socket runs on the sender's processor, and
everything the relay causes up to the receiver's socket on the relay's: veth hands over in softirq,
on the processor that sent. So the processes of the relay are alone on the last processor, and its
cost is their CPU time and that of the kernel's softirq thread there.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

HOSTS = ("sender", "relay", "receiver")
SET_UP = """
set -e
mount -t tmpfs tmpfs /run
ip netns add sender && ip netns add relay && ip netns add receiver
ip link add inbound netns relay type veth peer name eth0 netns sender
ip link add outbound netns relay type veth peer name eth0 netns receiver
ip -n sender address add 10.71.1.1/24 dev eth0
ip -n relay address add 10.71.1.2/24 dev inbound
ip -n relay address add 10.71.2.1/24 dev outbound
ip -n receiver address add 10.71.2.2/24 dev eth0
for host in sender relay receiver; do
    ip netns exec $host sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'
    ip -n $host link set lo up
done
ip -n sender link set eth0 up && ip -n receiver link set eth0 up
ip -n relay link set inbound up && ip -n relay link set outbound up
ip -n sender route add default via 10.71.1.2
ip -n receiver route add default via 10.71.2.1
ip -n sender route add 224.0.0.0/4 dev eth0
ip -n relay route add 224.0.0.0/4 dev outbound
ip netns exec relay sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
"""
NAMESPACE_MARK = "RELAYCAST_BENCH_NAMESPACE"
PR_SET_PDEATHSIG = 1  # prctl(2)
PRIORITY = -10  # nice(2)
ENDING = {signal.SIGINT, signal.SIGTERM}
_libc = ctypes.CDLL(None)


class LabError(Exception):
    """The benchmark cannot run here; the text says why."""


def enter_namespaces():
    """Runs this program again in namespaces of its own, unless it does already."""
    if os.environ.get(NAMESPACE_MARK):
        return
    # Root keeps its rights over receive buffers (SO_RCVBUFFORCE), which a user namespace ends.
    is_root = os.geteuid() == 0
    os.environ[NAMESPACE_MARK] = "root" if is_root else "user"
    isolate = ["unshare", "-nm"] if is_root else ["unshare", "-rnm"]
    os.execvp(isolate[0], [*isolate, sys.executable, *sys.argv])


def cpu_seconds(pid):
    """The CPU time of a process, all its threads together, to the nanosecond."""
    # The clock of another process: clock_getcpuclockid(3).
    return time.clock_gettime((~pid << 3) | 2)


def _prepare(cpu):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    # So that what else runs on this machine spoils less; not everyone may.
    os.setsid()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
        # Where sessions are scheduled as groups, theirs is what counts (sched(7)).
        pathlib.Path("/proc/self/autogroup").write_text(str(PRIORITY))


class Process:
    """A program in a host. Its standard output is a pipe of JSON lines."""

    def __init__(self, lab, host, command, cpu):
        self.command = [str(word) for word in command]
        self._errors = tempfile.TemporaryFile(dir=lab.directory)

        self.popen = subprocess.Popen(
            ["ip", "netns", "exec", host, *self.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            preexec_fn=lambda: _prepare(cpu),
            cwd=lab.directory,
        )
        self.pid = self.popen.pid

    def line(self, seconds=10.0):
        """The next line of its output as JSON."""
        ready, _, _ = select.select([self.popen.stdout], [], [], seconds)
        line = self.popen.stdout.readline() if ready else b""
        if not line:
            raise LabError(f"{self.command}: no answer; {self.errors()}")
        return json.loads(line)

    def errors(self):
        """What it wrote to standard error."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()

    def end(self, number=signal.SIGTERM, seconds=5.0):
        """Ends it, by force if it has to be."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        self.popen.wait()

    def close(self):
        """Ends it and closes its pipe."""
        self.end()
        self.popen.stdout.close()
        self._errors.close()


class Lab:
    """The hosts, and the processes in them; a context manager that ends them all."""

    def __init__(self, tools):
        self.tools = tools
        self.processes = []
        self._directory = tempfile.TemporaryDirectory(prefix="relaycast-bench-")
        self.directory = pathlib.Path(self._directory.name)
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            raise LabError("two processors are needed: one for the relay, one for the others")
        self.sender_cpu, self.relay_cpu = cpus[0], cpus[-1]
        self.receiver_cpu = cpus[1] if len(cpus) > 2 else cpus[0]
        made = subprocess.run(["sh", "-c", SET_UP], capture_output=True, text=True)
        if made.returncode != 0:
            raise LabError(f"namespaces cannot be set up: {made.stderr.strip()}")
        # Whether receive buffers may exceed net.core.rmem_max.
        self.forces_buffers = os.environ[NAMESPACE_MARK] == "root"
        self._softirq_threads = _softirq_threads()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_all()
        self._directory.cleanup()

    def end_all(self):
        """Ends every process, as after a measurement that failed."""
        for process in self.processes:
            process.close()
        self.processes.clear()

    def start(self, host, *command, cpu=None):
        """Starts a program in a host, on a processor if one is given."""
        # Whoever ends this program must find the process in the list.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            process = Process(self, host, command, cpu)
            self.processes.append(process)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        return process

    def forget(self, process):
        """Ends a process and takes it off the list."""
        process.close()
        self.processes.remove(process)

    def run(self, host, *command, cpu=None):
        """Runs a command in a host to its end, which must be a good one."""
        done = subprocess.run(
            ["ip", "netns", "exec", host, *map(str, command)],
            capture_output=True,
            text=True,
            preexec_fn=lambda: _prepare(cpu),
        )
        if done.returncode != 0:
            raise LabError(f"{command}: {done.stderr.strip()}")
        return done.stdout

    def softirq_seconds(self, cpu):
        """The CPU time of the kernel's softirq thread of a processor."""
        return cpu_seconds(self._softirq_threads[cpu])


def _softirq_threads():
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            name = path.read_text().strip()
        except OSError:
            continue
        if name.startswith("ksoftirqd/"):
            found[int(name.partition("/")[2])] = int(path.parent.name)
    return found
