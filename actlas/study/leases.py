"""Who trains a run: a name for this process, and whether another one is still there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

LEASE_SECONDS = 120.0  # renewed four times within; this long after a crash elsewhere it ends


def new_owner() -> str:
    """Return a name for a runner in this process: host, process, its start, a random part."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{pid}/{_started(pid)}/{os.urandom(4).hex()}"


def is_gone(owner: str) -> bool:
    """Return whether the owner was a process of this machine that has ended.

    Of another machine nothing is known: there a lease ends by its time.

    >>> is_gone(new_owner())
    False
    """
    host, pid, started, _ = owner.rsplit("/", 3)
    known = host == socket.gethostname() and started and pid.isdigit()
    return bool(known) and _started(int(pid)) != started


def _started(pid: int) -> str:
    """Return when a process started, in the system's own unit; "" if it runs no more."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else rest[18]


class Heartbeat:
    """Calls a function again and again in a thread until it is stopped."""

    def __init__(self, seconds: float, beat: Callable[[], None]) -> None:
        self._seconds, self._beat = seconds, beat
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(self._seconds):
            self._beat()

    def stop(self) -> None:
        """End the thread; the function is not called after this."""
        self._end.set()
        self._thread.join()
