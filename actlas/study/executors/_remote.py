"""What workers elsewhere have in common: where they work, and how their answers come back."""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import torch

from actlas.errors import ActlasError

DEATHS = 3  # of workers that a run may cost before the study stops

Answer = tuple[Any, str]  # what came of it, or the sentence of an error


class Remote(Executor):
    """An executor whose jobs run in processes of a library.

    Args:
        workers: how many jobs run at once.
    """

    def __init__(self, workers: int) -> None:
        self._max_workers = workers
        self._folder = str(Path.cwd())

    @abstractmethod
    def send(self, job: Callable[..., Answer], *arguments: Any) -> Future[Answer]:
        """Give a job to the library; it begins anew where its worker dies."""

    def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have `task` called by a worker, in the folder of this process and with one thread."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        sent = self.send(_at_home, self._folder, task, args, kwargs)
        sent.add_done_callback(lambda done: _hand_over(done, future))
        return future


def _at_home(
    folder: str, task: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Answer:
    """Call `task` in a worker; errors travel as text, which no library wraps or stops at."""
    if Path(folder).is_dir():
        os.chdir(folder)
        if folder not in sys.path:
            sys.path.insert(0, folder)
    torch.set_num_threads(1)
    try:
        return task(*args, **kwargs), ""
    except ActlasError as error:
        return None, str(error)
    except Exception as error:
        return None, _brief(error)


def _hand_over(done: Future[Answer], future: Future[Any]) -> None:
    error = None if done.cancelled() else done.exception()
    if error is not None or done.cancelled():
        future.set_exception(ActlasError(f"the executor gave up a run: {_brief(error)}"))
        return
    value, sentence = done.result()
    if sentence:
        future.set_exception(ActlasError(sentence))
    else:
        future.set_result(value)


def _brief(error: BaseException | None) -> str:
    """Return the last line of an error's text that says something, with its kind."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines[-1].split())}" if lines else "cancelled"
