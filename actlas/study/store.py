"""The store of runs: a database, so that runners share a study and a kill loses nothing."""

from __future__ import annotations

import json
import sqlite3
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from actlas.errors import ActlasError
from actlas.study.database import Database, SQLite, refusal
from actlas.study.leases import LEASE_SECONDS, Heartbeat, is_alive, new_owner
from actlas.study.postgres import Postgres, is_url
from actlas.study.training import Phase, Recipe, Record, RunSpec

Value = TypeVar("Value")

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
    """The runs of a study: finished, or leased to the runner that trains them.

    A run's key is the content hash of its whole specification, code and data included. A lease
    holds as long as its runner's process lives; where that cannot be seen, until its time is over,
    and the runner renews it meanwhile.

    Args:
        place: a folder, made if it is not there, for `study.db`; or a URL of PostgreSQL, which
            runners on many hosts can share.
        lease_seconds: after this long without a sign a runner elsewhere is taken for dead.
        read_only: nothing is made or written.

    Raises:
        ActlasError: if it cannot be written or reached, or what is there is damaged or not ours.
    """

    def __init__(
        self, place: Path | str, lease_seconds: float = LEASE_SECONDS, read_only: bool = False
    ) -> None:
        self.owner = new_owner()
        self._lease = lease_seconds
        self._heartbeat: Heartbeat | None = None
        self._database = _opened(place, read_only)
        self.name = self._database.name
        if read_only or is_url(place):
            return
        try:
            self._take_over(Path(place) / OLD_NAME)
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
        return int(self._rows("SELECT count(*) FROM trials WHERE record IS NOT NULL")[0][0])

    def records(self) -> Iterator[Record]:
        """Yield every finished run, the search first, then by seed and function."""
        query = "SELECT key, record FROM trials WHERE record IS NOT NULL"
        found = [self._record(*row) for row in self._rows(query)]
        order = list(Phase)
        yield from sorted(
            found,
            key=lambda record: (
                order.index(record.spec.phase), record.spec.seed, record.spec.activation,
                record.spec.network or "", record.spec.learning_rate, record.spec.twin,
                record.spec.key,
            ),
        )  # fmt: skip

    def add(self, record: Record) -> None:
        """Keep a finished run; it is on the disk when this returns. The first result stays.

        Raises:
            ActlasError: if it cannot be written, not even in a further attempt where that may help.
        """
        try:
            self._tried(lambda: self._insert(record))
        except self._database.error as error:
            raise ActlasError(
                f"the run {record.spec.key} cannot be kept in {self.name}: {error}; those before "
                f"it are"
            ) from error

    def _insert(self, record: Record) -> None:
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO trials (key, spec, record) VALUES (?, ?, ?) ON CONFLICT (key) DO "
                "UPDATE SET record = coalesce(trials.record, excluded.record), owner = NULL, "
                "expires = NULL",
                (record.spec.key, _written(record.spec), record.to_json()),
            )

    def _tried(self, attempt: Callable[[], Value]) -> Value:
        """Return what the attempt gives; further ones are made while that may help."""
        for pause in self._database.pauses:
            try:
                return attempt()
            except self._database.error as error:
                if not self._database.is_passing(error):
                    raise
                time.sleep(pause)
        return attempt()

    # ------------------------------------------------------------ leases

    def claims(self, specs: Iterable[RunSpec]) -> Iterator[RunSpec]:
        """Yield the runs that nobody has finished or is training, each leased to this runner."""
        for spec in specs:
            try:
                mine = self._tried(lambda spec=spec: self._claim(spec))  # type: ignore[misc]
            except self._database.error as error:
                raise self._unreadable(error) from error
            if mine:
                yield spec

    def _claim(self, spec: RunSpec) -> bool:
        if self._heartbeat is None:
            self._heartbeat = Heartbeat(self._lease / 4, self._renew)
        query = "SELECT record IS NOT NULL, owner, expires FROM trials WHERE key = ?"
        with self._database.transaction():
            row = self._database.execute(query, (spec.key,)).fetchone()
            now = self._database.now()
            if row is not None and (row[0] or self._is_held(row[1], row[2], now)):
                return False
            self._database.execute(
                "INSERT INTO trials (key, spec, owner, expires, attempts) VALUES (?, ?, ?, ?, 1) "
                "ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, "
                "expires = excluded.expires, attempts = trials.attempts + 1",
                (spec.key, _written(spec), self.owner, now + self._lease),
            )
        return True

    def _is_held(self, owner: str | None, expires: float | None, now: float) -> bool:
        """Return whether another runner has a lease that counts."""
        if owner is None or owner == self.owner or expires is None:
            return False
        alive = is_alive(owner)
        return expires > now if alive is None else alive

    def _renew(self) -> None:
        """Renew the leases of this runner, in a connection of the heartbeat's own."""
        failures = (self._database.error, ActlasError)
        with suppress(*failures), closing(self._database.again()) as database:
            database.execute(
                "UPDATE trials SET expires = ? WHERE owner = ? AND record IS NULL",
                (database.now() + self._lease, self.owner),
            )

    def counts(self, wanted: Mapping[str, object] | None = None) -> dict[Phase, tuple[int, int]]:
        """Return for each phase how many runs are finished, and how many somebody is training.

        Args:
            wanted: count the runs with these values of `RunSpec` only.
        """
        query = "SELECT spec, record IS NOT NULL, owner, expires FROM trials"
        found, now = dict.fromkeys(Phase, (0, 0)), self._database.now()
        for spec, done, owner, expires in self._rows(query):
            fields = json.loads(spec)
            if any(_told(fields, name) != value for name, value in (wanted or {}).items()):
                continue
            phase = Phase(fields["phase"])
            finished, running = found[phase]
            held = not done and self._is_held(owner, expires, now)
            found[phase] = (finished + bool(done), running + held)
        return found

    def attempts(self) -> int:
        """Return how often a run was begun, by whomever."""
        return int(self._rows("SELECT coalesce(sum(attempts), 0) FROM trials")[0][0])

    # ------------------------------------------------------------ the study itself

    def keep_plan(self, text: str, code: str) -> None:
        """Keep the plan and the code that the next runs belong to, and those before it."""
        with self._database.transaction():
            former = self.recall("plan"), self.recall("code")
            if former[0] is not None and former != (text, code):
                self._database.execute(
                    "INSERT INTO former_plans (ended, text, code, runs) VALUES (?, ?, ?, ?)",
                    (self._database.now(), former[0], former[1] or "", len(self)),
                )
            self.remember("plan", text)
            self.remember("code", code)

    def former_plans(self) -> list[FormerPlan]:
        """Return the plans before the present one, the oldest first."""
        query = "SELECT text, code, runs, ended FROM former_plans ORDER BY number"
        return [FormerPlan(*row) for row in self._rows(query)]

    def plan_changes(self) -> tuple[int, ...]:
        """Return how many runs were finished at each change of the plan; none before the first."""
        former = self.former_plans()
        after = [*(plan.text for plan in former[1:]), self.recall("plan")]
        return tuple(
            plan.runs
            for plan, text in zip(former, after, strict=False)
            if plan.runs and _content(plan.text) != _content(text)
        )

    def remember(self, name: str, value: str) -> None:
        """Keep a text beside the runs, in the place of an earlier one of that name."""
        self._database.execute(
            "INSERT INTO study VALUES (?, ?) ON CONFLICT (name) DO UPDATE "
            "SET value = excluded.value",
            (name, value),
        )

    def recall(self, name: str) -> str | None:
        """Return a text that was kept, or None."""
        rows = self._rows("SELECT value FROM study WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def close(self) -> None:
        """Give back the leases that were not used, and end the connection."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._give_back()
        self._database.close()

    def _give_back(self) -> None:
        with suppress(self._database.error):
            self._database.execute(
                "UPDATE trials SET owner = NULL, expires = NULL WHERE owner = ? AND record IS NULL",
                (self.owner,),
            )

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ reading

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        try:
            return self._tried(lambda: self._database.execute(query, values).fetchall())
        except self._database.error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ActlasError:
        return ActlasError(f"the store {self.name} cannot be used: {' '.join(str(error).split())}")

    def _text(self, key: str) -> str | None:
        rows = self._rows("SELECT record FROM trials WHERE key = ?", (key,))
        return rows[0][0] if rows else None

    def _record(self, key: str, text: str) -> Record:
        try:
            return Record.from_json(text)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise refusal(self.name, f"the run {key} in it cannot be read") from None

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


def _opened(place: Path | str, read_only: bool) -> Database:
    """Return the database of a folder, which is made, or of a URL."""
    if is_url(place):
        return Postgres(str(place), read_only)
    folder = Path(place)
    try:
        if not read_only:
            folder.mkdir(parents=True, exist_ok=True)
        return SQLite(folder / FILE_NAME, read_only)
    except (OSError, sqlite3.OperationalError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ActlasError(
            f"cannot {'read' if read_only else 'write to the output folder'} {folder}: {reason}; "
            f"choose another one with --out"
        ) from error


def _told(fields: Mapping[str, Any], name: str) -> object:
    """Return a value of a stored specification; older ones lack what a recipe had not yet."""
    return fields.get(name, getattr(Recipe, name, None))


def _written(spec: RunSpec) -> str:
    return json.dumps(asdict(spec), sort_keys=True)


def _content(plan: str | None) -> Any:
    """Return what a plan says, in whatever order: another version may write it in another one."""
    try:
        return tomllib.loads(plan or "")
    except tomllib.TOMLDecodeError:
        return plan
