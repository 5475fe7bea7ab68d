"""The monitor itself: when it looks, what it keeps, and that it leaves the model as it was."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.surgery.monitor.callbacks import lightning_callback, transformers_callback
from actlas.surgery.monitor.hooks import Hook, first_tensor, on_fast_path, output_tensor
from actlas.surgery.monitor.record import Record, shape_parameters
from actlas.surgery.monitor.report import Report, report_of
from actlas.surgery.monitor.sampling import Picker, Seen, readable
from actlas.surgery.monitor.settings import Settings
from actlas.surgery.monitor.sites import Site
from actlas.surgery.monitor.slopes import Twin

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_CALLS = 8  # calls of a shared module in one pass that are told apart


class Monitor:
    """Watches a model from `start` to `stop`, or in a `with` block; `actlas.monitor` makes it."""

    def __init__(self, model: nn.Module, sites: tuple[Site, ...], settings: Settings) -> None:
        self.settings = settings
        self.steps = self.observed = 0
        self._model, self._sites = model, sites
        self._fused = [m for m in model.modules() if isinstance(m, nn.TransformerEncoderLayer)]
        self._records: dict[str, Record] = {}
        self._left_out: dict[str, str] = {}
        self._twins: dict[Site, Twin | None] = {}
        self._open: dict[Site, Seen] = {}
        self._calls: list[Seen] = []
        self._count: Counter[Site] = Counter()
        self._root_hooks: list[Any] = []
        self._site_hooks: list[Any] = []
        self._uncompiled = contextlib.ExitStack()
        self._depth = 0
        self._told = False  # steps are told to us, not found by watching the model's passes

    @property
    def watching(self) -> bool:
        """Whether it has begun and not stopped."""
        return bool(self._root_hooks)

    def start(self) -> Monitor:
        """Begin to watch; a `with` block does this."""
        if not self._root_hooks:
            before, after = Hook(self._pass_begins), Hook(self._pass_ends)
            self._root_hooks = [
                self._model.register_forward_pre_hook(before),
                self._model.register_forward_hook(after, always_call=True),
            ]
        return self

    def stop(self) -> None:
        """Take every hook out of the model again; what was seen is kept."""
        self._disarm()
        for handle in self._root_hooks:
            handle.remove()
        self._root_hooks, self._depth, self._told = [], 0, False
        self._look()
        self._twins.clear()

    def __enter__(self) -> Monitor:
        if self._root_hooks:
            raise ActlasError("this monitor is watching already; leave its block first")
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextlib.contextmanager
    def step(self) -> Iterator[Monitor]:
        """Count what the block does as one step, whatever is called in it and in which mode."""
        self.begin()
        try:
            yield self
        finally:
            self.end()

    def begin(self) -> None:
        """Begin a step; from now on a pass of the model is no longer one by itself."""
        if not self._root_hooks:
            raise ActlasError("a step needs a watching monitor: `with watch:` or watch.start()")
        self._told = True
        self._step_begins()

    def end(self) -> None:
        """End the step that `begin` began."""
        self._disarm()

    def report(self) -> Report:
        """Return what was seen so far.

        Raises:
            ActlasError: if nothing was, with the reason.
        """
        self._look()
        if not any(record.count for record in self._records.values()):
            raise ActlasError(self._why_nothing())
        return report_of(self._records, self._left_out, self.steps, self.observed,
                         self.settings.tolerance)  # fmt: skip

    def plot(self, path: str | Path | None = None) -> Figure:
        """Return the report as a matplotlib figure; with `path`, write it there too."""
        return self.report().plot(path)

    def for_lightning(self) -> Any:
        """Return a callback for Lightning's Trainer; see `lightning_callback`."""
        return lightning_callback(self)

    def for_transformers(self) -> Any:
        """Return a callback for the Hugging Face Trainer; see `transformers_callback`."""
        return transformers_callback(self)

    def _why_nothing(self) -> str:
        compiled = "A compiled graph runs no hooks: monitor the compiled model with eager=True."
        if not self.steps:
            return ("nothing was observed: the model has made no pass in training mode; wrap what "
                    f"is to be observed in `with watch.step():`. {compiled}")  # fmt: skip
        names = ", ".join(site.name for site in self._sites[:3])
        return f"nothing was observed in {self.steps} steps: {names} did not run. {compiled}"

    # ---------------------------------------------------------------- when to look

    def _pass_begins(self, module: nn.Module, *_: object) -> None:
        if module is not self._model:
            return
        self._depth += 1
        if self._depth == 1:
            self._count.clear()
            if module.training and not self._told:
                self._step_begins()

    def _pass_ends(self, module: nn.Module, *_: object) -> None:
        if module is not self._model:
            return
        self._depth = max(0, self._depth - 1)
        if not self._depth and not self._told:
            self._disarm()

    def _step_begins(self) -> None:
        self._disarm()
        self._look()
        if self.steps % self.settings.every == 0:
            self._arm()
        self.steps += 1

    def _arm(self) -> None:
        """Put hooks on the sites for one step; at all other steps they have none."""
        if self.settings.eager:
            self._uncompiled.enter_context(torch.compiler.set_stance("force_eager"))
        self._count.clear()
        fused = on_fast_path(self._fused)
        for site in self._sites:
            if site.module in fused:
                self._left_out[site.name] = "it is part of a fused kernel in evaluation mode"
                continue
            enter, leave = Hook(partial(self._enter, site)), Hook(partial(self._leave, site))
            self._site_hooks += [
                site.module.register_forward_pre_hook(enter, with_kwargs=True),
                site.module.register_forward_hook(leave, with_kwargs=True),
            ]

    def _disarm(self) -> None:
        while self._site_hooks:
            self._site_hooks.pop().remove()
        self._uncompiled.close()
        self._open.clear()

    # ---------------------------------------------------------------- what is seen

    def _enter(self, site: Site, module: nn.Module, args: Any, kwargs: Any) -> None:
        index, x = self._count[site], first_tensor(args, kwargs)
        self._count[site] += 1
        name = f"{site.name}#{index + 1}" if index else site.name
        if index >= _MOST_CALLS or module is not site.module:
            self._left_out[name] = f"only {_MOST_CALLS} calls in a pass are told apart"
            return
        picker = Picker(site.channel_dim, self.settings.sample, self.observed)
        seen = self._open[site] = Seen(name, site, shape_parameters(module), picker)
        if readable(x):
            seen.read_input(x)
            self._follow(site, seen)

    def _leave(self, site: Site, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        seen, y = self._open.pop(site, None), output_tensor(output)
        if seen is None:
            return
        if not readable(y):
            self._left_out[seen.name] = "its output is not a dense tensor of real floats"
            return
        seen.read_output(y)
        self._calls.append(seen)

    @torch.inference_mode(False)
    def _follow(self, site: Site, seen: Seen) -> None:
        """Keep a twin of the site that has its present shape parameters."""
        assert seen.x is not None
        twin = self._twins.get(site)
        try:
            if site not in self._twins or (twin is not None and not twin.fits(seen.x)):
                twin = self._twins[site] = Twin(site.module, seen.x)
            if twin is not None:
                twin.follow(site.module)
        except Exception as error:  # the module is not ours, and training must go on
            self._twins[site] = None
            seen.note = f"it cannot be copied: {type(error).__name__}: {error}"

    @torch.inference_mode(False)
    def _look(self) -> None:
        """Work out the figures of the last observed step, outside of the model's own work."""
        calls, self._calls = self._calls, []
        for seen in calls:
            seen.close()
            if seen.name not in self._records:
                fresh = Record(seen.site, self.settings.window, self.settings.tolerance)
                self._records[seen.name] = fresh
            self._records[seen.name].add(self.steps - 1, seen, self._twins.get(seen.site))
        if calls:
            self.observed += 1
            if self.settings.log is not None:
                self.settings.log(self.steps - 1, self.report().values())
