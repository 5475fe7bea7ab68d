"""A PostgreSQL server of the test's own: Debian's programs, a temporary folder, a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "actlas"


def programs() -> Path | None:
    """Return the folder with initdb and pg_ctl, the newest one, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: len(p.parts[-3]))
    return found[-1].parent if found else None


def _account() -> pwd.struct_passwd | None:
    """Return who runs the server: it refuses to be run by root."""
    if os.getuid():
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


@contextmanager
def running() -> Iterator[str]:
    """Start a server, and give the beginning of a URL to which a database's name is added."""
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="actlas-postgres-"))
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        _call("initdb", "-D", "data", "-U", USER, "-A", "trust", "-N", "-E", "UTF8", "--locale=C",
              folder=folder, account=account)  # fmt: skip
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        _call("pg_ctl", "-D", "data", "-l", "log", "-o", options, "-w", "start",
              folder=folder, account=account)  # fmt: skip
        yield f"postgresql://{USER}@127.0.0.1:{port}/"
    finally:
        _call("pg_ctl", "-D", "data", "-m", "immediate", "stop", folder=folder, account=account,
              check=False)  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)


def _call(
    program: str, *words: str, folder: Path, account: pwd.struct_passwd | None, check: bool = True
) -> None:
    where = programs()
    assert where is not None
    done = subprocess.run(
        [str(where / program), *words], cwd=folder, check=False, text=True,
        stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        user=account.pw_uid if account else None, group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
    )  # fmt: skip
    if check and done.returncode:
        log = folder / "log"
        raise RuntimeError(f"{program}: {done.stdout or (log.exists() and log.read_text())}")
