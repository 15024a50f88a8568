"""What the pytest suites share: a private network, a daemon in it, and a client to talk to it.

    with Network() as network, Daemon(binary, network) as daemon:
        daemon.client().get("/v1/sessions").json()

Standard library only. Nothing here waits without a deadline, and everything that was started is
stopped by its own process id when the `with` ends.
"""

from support.client import Client, Response
from support.daemon import Daemon
from support.network import Network
from support.waiting import wait_until

__all__ = ["Client", "Daemon", "Network", "Response", "wait_until"]
