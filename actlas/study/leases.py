"""Who trains a run: a name for this process, and whether another one is still there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

LEASE_SECONDS = 120.0  # renewed four times within; this long after a crash elsewhere it ends


def new_owner() -> str:
    """Return a name for a runner: host, its boot, process space, process, start, random part."""
    pid = str(os.getpid())
    return "/".join((socket.gethostname(), *_place(), pid, _started(pid), os.urandom(4).hex()))


def is_alive(owner: str) -> bool | None:
    """Return whether the owner's process runs; None where that is unknown, or says nothing.

    It is known of this boot of this machine, and of this space of process numbers. Of another
    runner in this very process it says nothing: there a lease ends by its time, as elsewhere.

    >>> is_alive("of another form") is None
    True
    """
    parts = owner.rsplit("/", 5)
    if len(parts) != 6:
        return None
    _, boot, space, pid, started, _ = parts
    if not (boot and started and pid.isdecimal()) or (boot, space) != _place():
        return None
    if _started(pid) != started:
        return False
    return None if pid == str(os.getpid()) else True


def _place() -> tuple[str, str]:
    """Return this boot, and this space of process numbers; both "" where there is no /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return boot, str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "", ""


def _started(pid: str) -> str:
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
