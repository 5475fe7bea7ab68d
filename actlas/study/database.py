"""The file of a study: an SQLite database that is ours, sound, and safe to share.

A file that is not ours, or is damaged, is refused before anything is written to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from actlas.errors import ActlasError

APPLICATION, VERSION = 0x6163746C, 1  # "actl", and the version of the tables below
WAIT_SECONDS = 60.0  # for another process that writes

_MAGIC = b"SQLite format 3\0"
_TABLES = (
    """CREATE TABLE trials (
         key TEXT PRIMARY KEY,   -- content hash of specification and code
         spec TEXT NOT NULL,
         record TEXT,            -- NULL until the run is finished
         owner TEXT,             -- who trains it now
         expires REAL,           -- when that lease ends, in seconds since 1970
         attempts INTEGER NOT NULL DEFAULT 0
       ) WITHOUT ROWID""",
    "CREATE TABLE study (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)
_FORMER = """CREATE TABLE IF NOT EXISTS former_plans (  -- rows are added, never changed
     number INTEGER PRIMARY KEY,
     ended REAL NOT NULL,    -- when another plan or code took its place, in seconds since 1970
     text TEXT NOT NULL,
     code TEXT NOT NULL,
     runs INTEGER NOT NULL   -- how many were finished then
   )"""
_COLUMNS = "SELECT t.key, t.spec, t.record, t.owner, t.expires, t.attempts, s.name, s.value"


def connect(path: Path) -> sqlite3.Connection:
    """Open the file of a study, or make it; ActlasError if it is another file or damaged.

    Args:
        path: the file; its folder must be there. WAL needs a local disk, not a network one.
    """
    if _is_new(path):
        _create(path)
    else:
        _check(path)
    connection = opened(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_FORMER)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise refusal(path, error) from error
    return connection


def refusal(path: Path, reason: object) -> ActlasError:
    """Return the error for a file that cannot be used."""
    return ActlasError(
        f"{path} cannot be used as the store of a study: {reason}; it is left as it is, choose "
        f"another folder with --out or move the file away"
    )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing; other writers wait."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends it by itself where the disk is full
            connection.execute("ROLLBACK")
        raise


def opened(path: Path) -> sqlite3.Connection:
    """Open a file that is known to be good; writers wait for each other."""
    return sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)


def _is_new(path: Path) -> bool:
    """Return whether there is nothing yet, not even half of a first transaction."""
    return not path.exists() or path.stat().st_size == 0


def _create(path: Path) -> None:
    """Make the tables in one transaction; whoever comes second finds them."""
    with closing(opened(path)) as connection, transaction(connection):
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return
        for table in _TABLES:
            connection.execute(table)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _check(path: Path) -> None:
    """Look at a file without writing to it, or beside it."""
    with path.open("rb") as file:
        head = file.read(100)
    if not head.startswith(_MAGIC):
        raise refusal(path, "it is not an SQLite database")
    version, application = (int.from_bytes(head[at : at + 4], "big") for at in (60, 68))
    if application != APPLICATION:
        raise refusal(path, "it is the database of another program")
    if version != VERSION:
        raise refusal(path, f"its version is {version}, this program reads version {VERSION}")
    try:
        problem = _problem(path)
    except sqlite3.DatabaseError as error:
        problem = str(error)
    if problem != "ok":
        raise refusal(path, f"it is damaged ({problem})")


def _problem(path: Path) -> str:
    """Return "ok", or what SQLite finds wrong."""
    shared, torn = (path.with_name(path.name + end).exists() for end in ("-wal", "-journal"))
    mode = "rw" if torn else "ro" if shared else "ro&immutable=1"
    address = f"file:{quote(str(path.absolute()))}?mode={mode}"
    with closing(sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS)) as connection:
        connection.execute(f"{_COLUMNS} FROM trials t, study s LIMIT 1").fetchall()
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    return " ".join(str(found).split())
