"""Finding tasks: the modules of this package, and users' own by `module:attribute`."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from functools import cache, lru_cache
from pathlib import Path

from actlas.errors import ActlasError, import_here, nearest
from actlas.study.tasks._protocol import Data, Task

_TASKS: dict[str, Task] = {}
COMMAND = "command:"  # a program of the user's; study/command knows the rest of such a name


def register(task: Task) -> Task:
    """Make a task known under its name and its aliases; ActlasError if one of them is taken."""
    for name in (task.name, *task.aliases):
        if name in _TASKS:
            raise ActlasError(f"two tasks are named {name!r}")
        _TASKS[name] = task
    return task


@cache
def _discover() -> None:
    package = importlib.import_module("actlas.study.tasks")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{package.__name__}.{module.name}")


def task_names() -> list[str]:
    """Return the names of all built-in tasks, aliases included."""
    _discover()
    return sorted(_TASKS)


def built_in_tasks() -> list[Task]:
    """Return every built-in task once, by name."""
    return [task for name in task_names() if (task := _TASKS[name]).name == name]


def at_hand(task: Task, data_root: Path | None = None) -> bool:
    """Say whether a task needs no files, or the folder with them is there.

    Args:
        task: whose data are meant.
        data_root: the folder that holds the data sets; by default the environment's ACTLAS_DATA.

    >>> at_hand(find_task("digits"))
    True
    """
    root = data_root or _folder_of_environment()
    return not task.folder or (root is not None and (root / task.folder).is_dir())


def find_task(name: str) -> Task:
    """Return a task by name or by `module:attribute`; ActlasError if there is none.

    >>> find_task("digits").title
    'handwritten digits'
    """
    if name.startswith(COMMAND):
        made: Task = importlib.import_module("actlas.study.command").command_task(name)
        return made
    if ":" in name:
        return _own_task(name)
    _discover()
    if name not in _TASKS:
        known = ", ".join(task_names())
        raise ActlasError(
            f"unknown task {name!r}; known: {known}, or your own as module:attribute."
            f"{nearest(name, _TASKS)}"
        )
    return _TASKS[name]


def _own_task(name: str) -> Task:
    module_name, _, attribute = name.partition(":")
    try:
        module = import_here(module_name)
    except ActlasError as error:
        raise ActlasError(f"task {name!r}: {error}") from error
    task = getattr(module, attribute, None)
    if isinstance(task, Task):
        return task
    found = [key for key, value in vars(module).items() if isinstance(value, Task)]
    listed = ", ".join(found) or "none"
    raise ActlasError(
        f"task {name!r}: {module_name} has no actlas.study.Task named {attribute!r}; "
        f"it has: {listed}.{nearest(attribute, found)}"
    )


def task_file(name: str) -> Path | None:
    """Return the file of a user's own task; None for the built-in ones."""
    if ":" not in name or name.startswith(COMMAND):
        return None
    find_task(name)
    path = sys.modules[name.partition(":")[0]].__file__
    return Path(path) if path else None


@lru_cache(maxsize=1)
def load_data(name: str, data_root: Path | None) -> Data:
    """Read a task's data once per process.

    Args:
        name: as for `find_task`.
        data_root: the folder that holds the data sets; by default the environment's ACTLAS_DATA.
    """
    return find_task(name).data(data_root or _folder_of_environment())


def download(name: str, data_root: Path | None = None) -> None:
    """Fetch a task's data from their official address: the only thing here that uses a network.

    Files that are there already are checked and kept; a new one appears only when its checksum
    is right.

    Args:
        name: as for `find_task`.
        data_root: the folder for data sets, by default the environment's ACTLAS_DATA.
    """
    task, root = find_task(name), data_root or _folder_of_environment()
    if task.download is None:
        raise ActlasError(f"the task {name!r} has nothing to download")
    if root is None:
        raise ActlasError("say where to put the data: --data-root FOLDER, or set ACTLAS_DATA")
    task.download(root)


def _folder_of_environment() -> Path | None:
    folder = os.environ.get("ACTLAS_DATA")
    return Path(folder) if folder else None
