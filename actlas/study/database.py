"""The database of a study, in two dialects: what the store asks of it, and the file of SQLite.

A file that is not ours, or is damaged, is refused before anything is written to it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from actlas.errors import ActlasError

APPLICATION, VERSION = 0x6163746C, 1  # "actl", and the version of the tables below
WAIT_SECONDS = 60.0  # for another process that writes

_MAGIC = b"SQLite format 3\0"
_TABLES = (
    """CREATE TABLE trials (
         key TEXT PRIMARY KEY,      -- content hash of specification and code
         spec TEXT NOT NULL,
         record TEXT,               -- NULL until the run is finished
         owner TEXT,                -- who trains it now
         expires DOUBLE PRECISION,  -- when that lease ends, in seconds since 1970
         attempts INTEGER NOT NULL DEFAULT 0
       ) {clustered}""",
    "CREATE TABLE study (name TEXT PRIMARY KEY, value TEXT NOT NULL) {clustered}",
)
_FORMER = """CREATE TABLE IF NOT EXISTS former_plans (  -- rows are added, never changed
     number INTEGER {counted} PRIMARY KEY,
     ended DOUBLE PRECISION NOT NULL,  -- when another plan or code took its place
     text TEXT NOT NULL,
     code TEXT NOT NULL,
     runs INTEGER NOT NULL             -- how many were finished then
   )"""
COLUMNS = "SELECT t.key, t.spec, t.record, t.owner, t.expires, t.attempts, s.name, s.value"


class Rows(Protocol):
    """What a statement gives."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows."""


class Database(Protocol):
    """What the store asks of a database; its SQL is that which both dialects understand."""

    @property
    def name(self) -> str:
        """Where it is, for messages: without a password."""

    @property
    def error(self) -> type[Exception]:
        """What every failure of it is."""

    @property
    def pauses(self) -> Sequence[float]:
        """Seconds before each further attempt at what may pass."""

    def execute(self, statement: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement, with `?` where the values belong."""

    def transaction(self) -> AbstractContextManager[None]:
        """Write all or nothing; other writers wait."""

    def now(self) -> float:
        """Return the time that all runners of the study share, in seconds since 1970."""

    def is_passing(self, error: Exception) -> bool:
        """Return whether another attempt may succeed."""

    def again(self) -> Database:
        """Return another connection to the same database, for another thread."""

    def close(self) -> None:
        """End the connection."""


def table_statements(clustered: str, counted: str) -> tuple[str, ...]:
    """Return what makes the tables, with the words in which the dialects differ.

    Args:
        clustered: how a table is kept in the order of its key.
        counted: how a column of numbers fills itself.
    """
    return tuple(one.format(clustered=clustered, counted=counted) for one in (*_TABLES, _FORMER))


class SQLite:
    """The file of a study: processes of one machine share it; its folder must be on a local disk.

    Args:
        path: made if it is not there, unless `read_only`; its folder must be there.
        read_only: look at a file that is there and write nothing, not even beside it.

    Raises:
        ActlasError: if it is another file, or damaged.
    """

    error = sqlite3.Error
    pauses = (0.0,)  # SQLite itself has waited already

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path, self.name = path, str(path)
        self.connection = _reading(path) if read_only else _writing(path)

    def execute(self, statement: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement, with `?` where the values belong."""
        return self.connection.execute(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all or nothing; other writers wait."""
        with transaction(self.connection):
            yield

    def now(self) -> float:
        """Return this machine's time, in seconds since 1970."""
        return time.time()

    def is_passing(self, error: Exception) -> bool:
        """Return whether another process held the file; the low byte tells the kind."""
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY

    def again(self) -> SQLite:
        """Return another connection to the file, which is known to be good."""
        found = SQLite.__new__(SQLite)
        found.path, found.name, found.connection = self.path, self.name, opened(self.path)
        return found

    def close(self) -> None:
        """End the connection."""
        self.connection.close()


def refusal(name: object, reason: object) -> ActlasError:
    """Return the error for a store that cannot be used."""
    return ActlasError(
        f"{name} cannot be used as the store of a study: {reason}; it is left as it is, choose "
        f"another one with --out or --store, or move it away"
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


def _writing(path: Path) -> sqlite3.Connection:
    if _is_new(path):
        _create(path)
    else:
        _check(path)
    connection = opened(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_statements()[-1])  # files of the first version have no such table
    except sqlite3.DatabaseError as error:
        connection.close()
        raise refusal(path, error) from error
    return connection


def _reading(path: Path) -> sqlite3.Connection:
    if _is_new(path):
        raise ActlasError(f"there is no study in {path.parent}: no {path.name} is there")
    _check(path)
    return sqlite3.connect(_address(path), uri=True, timeout=WAIT_SECONDS, isolation_level=None)


def _is_new(path: Path) -> bool:
    """Return whether there is nothing yet, not even half of a first transaction."""
    return not path.exists() or path.stat().st_size == 0


def _statements() -> tuple[str, ...]:
    return table_statements(clustered="WITHOUT ROWID", counted="")


def _create(path: Path) -> None:
    """Make the tables in one transaction; whoever comes second finds them."""
    with closing(opened(path)) as connection, transaction(connection):
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return
        for statement in _statements():
            connection.execute(statement)
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
    with closing(sqlite3.connect(_address(path), uri=True, timeout=WAIT_SECONDS)) as connection:
        connection.execute(f"{COLUMNS} FROM trials t, study s LIMIT 1").fetchall()
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    return " ".join(str(found).split())


def _address(path: Path) -> str:
    """Return how a file is opened for reading: what a writer left half done must be ended first."""
    shared, torn = (path.with_name(path.name + end).exists() for end in ("-wal", "-journal"))
    mode = "rw" if torn else "ro" if shared else "ro&immutable=1"
    return f"file:{quote(str(path.absolute()))}?mode={mode}"
