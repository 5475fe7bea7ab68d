"""The store of runs: SQLite, so that several processes share a study and a kill loses nothing."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from actlas.errors import ActlasError
from actlas.study.database import connect, opened, refusal, transaction
from actlas.study.leases import LEASE_SECONDS, Heartbeat, is_alive, new_owner
from actlas.study.training import Phase, Record, RunSpec

FILE_NAME = "study.db"
OLD_NAME = "results.jsonl"  # one JSON line for each run; still read


@dataclass(frozen=True)
class FormerPlan:
    """A plan that another one has replaced: when, and how many runs were finished then."""

    text: str
    code: str
    runs: int
    ended: float


class Store:
    """The runs of a study in `study.db`: finished, or leased to the runner that trains them.

    A run's key is the content hash of its whole specification and of the code. A lease holds as
    long as its runner's process lives; where that cannot be seen, until its time is over, and the
    runner renews it meanwhile.

    Args:
        folder: made if it is not there.
        lease_seconds: after this long without a sign a runner elsewhere is taken for dead.

    Raises:
        ActlasError: if the folder cannot be written, or the file there is damaged or not ours.
    """

    def __init__(self, folder: Path, lease_seconds: float = LEASE_SECONDS) -> None:
        self.path = folder / FILE_NAME
        self.owner = new_owner()
        self._lease = lease_seconds
        self._heartbeat: Heartbeat | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = connect(self.path)
        except (OSError, sqlite3.OperationalError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ActlasError(
                f"cannot write to the output folder {folder}: {reason}; choose another one with "
                f"--out"
            ) from error
        try:
            self._take_over(folder / OLD_NAME)
        except ActlasError:
            self.close()
            raise

    # ------------------------------------------------------------ finished runs

    def __contains__(self, key: str) -> bool:
        return self._text(key) is not None

    def __getitem__(self, key: str) -> Record:
        text = self._text(key)
        if text is None:
            raise KeyError(key)
        return self._record(key, text)

    def __len__(self) -> int:
        query = "SELECT count(*) FROM trials WHERE record IS NOT NULL"
        return int(self._connection.execute(query).fetchone()[0])

    def records(self) -> Iterator[Record]:
        """Yield every finished run, the search first, then by seed and function."""
        query = "SELECT key, record FROM trials WHERE record IS NOT NULL"
        found = [self._record(*row) for row in self._connection.execute(query)]
        order = list(Phase)
        yield from sorted(
            found,
            key=lambda record: (
                order.index(record.spec.phase), record.spec.seed, record.spec.activation,
                record.spec.learning_rate, record.spec.twin, record.spec.key,
            ),
        )  # fmt: skip

    def add(self, record: Record) -> None:
        """Keep a finished run; it is on the disk when this returns. The first result stays.

        Raises:
            ActlasError: if it cannot be written, once more tried where the file was busy.
        """
        try:
            try:
                self._insert(record)
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise
                self._insert(record)
        except sqlite3.Error as error:
            raise ActlasError(
                f"the run {record.spec.key} cannot be kept in {self.path}: {error}; those before "
                f"it are"
            ) from error

    def _insert(self, record: Record) -> None:
        with transaction(self._connection):
            self._connection.execute(
                "INSERT INTO trials (key, spec, record) VALUES (?, ?, ?) ON CONFLICT (key) DO "
                "UPDATE SET record = coalesce(record, excluded.record), owner = NULL, "
                "expires = NULL",
                (record.spec.key, _written(record.spec), record.to_json()),
            )

    # ------------------------------------------------------------ leases

    def claims(self, specs: Iterable[RunSpec]) -> Iterator[RunSpec]:
        """Yield the runs that nobody has finished or is training, each leased to this runner."""
        for spec in specs:
            if self._claim(spec):
                yield spec

    def _claim(self, spec: RunSpec) -> bool:
        if self._heartbeat is None:
            self._heartbeat = Heartbeat(self._lease / 4, self._renew)
        query = "SELECT record IS NOT NULL, owner, expires FROM trials WHERE key = ?"
        with transaction(self._connection):
            row = self._connection.execute(query, (spec.key,)).fetchone()
            if row is not None and (row[0] or self._is_held(row[1], row[2])):
                return False
            self._connection.execute(
                "INSERT INTO trials (key, spec, owner, expires, attempts) VALUES (?, ?, ?, ?, 1) "
                "ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, "
                "expires = excluded.expires, attempts = attempts + 1",
                (spec.key, _written(spec), self.owner, time.time() + self._lease),
            )
        return True

    def _is_held(self, owner: str | None, expires: float | None) -> bool:
        """Return whether another runner has a lease that counts."""
        if owner is None or owner == self.owner or expires is None:
            return False
        alive = is_alive(owner)
        return expires > time.time() if alive is None else alive

    def _renew(self) -> None:
        with suppress(sqlite3.Error), closing(opened(self.path)) as connection:
            connection.execute(
                "UPDATE trials SET expires = ? WHERE owner = ? AND record IS NULL",
                (time.time() + self._lease, self.owner),
            )

    def counts(self, wanted: Mapping[str, object] | None = None) -> dict[Phase, tuple[int, int]]:
        """Return for each phase how many runs are finished, and how many somebody is training.

        Args:
            wanted: count the runs with these values of `RunSpec` only.
        """
        query = "SELECT spec, record IS NOT NULL, owner, expires FROM trials"
        found = dict.fromkeys(Phase, (0, 0))
        for spec, done, owner, expires in self._connection.execute(query):
            fields = json.loads(spec)
            if any(fields[name] != value for name, value in (wanted or {}).items()):
                continue
            phase = Phase(fields["phase"])
            finished, running = found[phase]
            held = not done and self._is_held(owner, expires)
            found[phase] = (finished + bool(done), running + held)
        return found

    def attempts(self) -> int:
        """Return how often a run was begun, by whomever."""
        query = "SELECT coalesce(sum(attempts), 0) FROM trials"
        return int(self._connection.execute(query).fetchone()[0])

    # ------------------------------------------------------------ the study itself

    def keep_plan(self, text: str, code: str) -> None:
        """Keep the plan and the code that the next runs belong to, and those before it."""
        with transaction(self._connection):
            former = self.recall("plan"), self.recall("code")
            if former[0] is not None and former != (text, code):
                self._connection.execute(
                    "INSERT INTO former_plans (ended, text, code, runs) VALUES (?, ?, ?, ?)",
                    (time.time(), former[0], former[1] or "", len(self)),
                )
            self.remember("plan", text)
            self.remember("code", code)

    def former_plans(self) -> list[FormerPlan]:
        """Return the plans before the present one, the oldest first."""
        query = "SELECT text, code, runs, ended FROM former_plans ORDER BY number"
        return [FormerPlan(*row) for row in self._connection.execute(query)]

    def plan_changes(self) -> tuple[int, ...]:
        """Return how many runs were finished at each change of the plan; none before the first."""
        former = self.former_plans()
        after = [*(plan.text for plan in former[1:]), self.recall("plan")]
        return tuple(
            plan.runs
            for plan, text in zip(former, after, strict=False)
            if plan.runs and plan.text != text
        )

    def remember(self, name: str, value: str) -> None:
        """Keep a text beside the runs, in the place of an earlier one of that name."""
        self._connection.execute(
            "INSERT INTO study VALUES (?, ?) ON CONFLICT (name) DO UPDATE "
            "SET value = excluded.value",
            (name, value),
        )

    def recall(self, name: str) -> str | None:
        """Return a text that was kept, or None."""
        query = "SELECT value FROM study WHERE name = ?"
        row = self._connection.execute(query, (name,)).fetchone()
        return None if row is None else str(row[0])

    def close(self) -> None:
        """Give back the leases that were not used, and close the file."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._give_back()
        self._connection.close()

    def _give_back(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.execute(
                "UPDATE trials SET owner = NULL, expires = NULL WHERE owner = ? AND record IS NULL",
                (self.owner,),
            )

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ reading

    def _text(self, key: str) -> str | None:
        query = "SELECT record FROM trials WHERE key = ?"
        row = self._connection.execute(query, (key,)).fetchone()
        return None if row is None else row[0]

    def _record(self, key: str, text: str) -> Record:
        try:
            return Record.from_json(text)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise refusal(self.path, f"the run {key} in it cannot be read") from None

    def _take_over(self, old: Path) -> None:
        """Read the runs of an earlier version's file, once; its last line may be cut short."""
        if not old.exists() or self.recall("taken over") is not None:
            return
        complete = old.read_bytes().rpartition(b"\n")[0]
        for number, line in enumerate(complete.decode(errors="replace").splitlines(), start=1):
            try:
                record = Record.from_json(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise ActlasError(
                    f"{old}, line {number} is not a finished run; remove the line, or choose "
                    f"another folder with --out"
                ) from None
            self.add(record)
        self.remember("taken over", old.name)


def _is_busy(error: sqlite3.Error) -> bool:
    """Return whether another process held the file; the low byte tells the kind."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _written(spec: RunSpec) -> str:
    return json.dumps(asdict(spec), sort_keys=True)
