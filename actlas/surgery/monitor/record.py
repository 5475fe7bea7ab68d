"""What is known of a site: figures of every observation, and what they say together."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from actlas.surgery.monitor.sampling import Seen
from actlas.surgery.monitor.sites import Site
from actlas.surgery.monitor.slopes import Twin

_LONGEST = 1000  # observations kept of a run; then every second one of them
_SMALL = 1000  # a shape parameter has fewer elements
FIGURES = ("dead", "saturated", "linear", "mean", "std", "gradient", "passed")


@dataclass(frozen=True)
class Observation:
    """The figures of one site at one step.

    dead, saturated and linear are fractions; mean and std belong to the output; gradient is the
    root mean square of the loss's gradient at the output and passed the part of it that reaches
    the input. NaN stands for what cannot be known. `shape` has (mean, least, largest) of every
    shape parameter.
    """

    step: int
    dead: float
    saturated: float
    linear: float
    mean: float
    std: float
    gradient: float
    passed: float
    shape: dict[str, tuple[float, float, float]]


class Record:
    """The history of one site, filled by `add`."""

    def __init__(self, site: Site, window: int, tolerance: float) -> None:
        self.site, self.tolerance = site, tolerance
        self.note = ""
        self.mixes = False
        self.channels = 0
        self.count = 0
        self.rows: deque[int] = deque(maxlen=window)
        self.recent: deque[Observation] = deque(maxlen=window)
        self.history: list[Observation] = []
        self._stride = 1
        self._checked = False
        self._last_active: Tensor | None = None
        self._constant: Tensor | None = None

    def add(self, step: int, seen: Seen, twin: Twin | None) -> None:
        """Take in one call; what its module cannot tell stays NaN."""
        assert seen.y is not None
        y, judged = seen.y, self._judge(seen, twin)
        nothing = torch.full((), torch.nan, dtype=y.dtype, device=y.device)
        saturated = linear = passed = nothing
        gradient = nothing if seen.gradient is None else _rms(seen.gradient)
        if judged is None:
            active = self._varies(y)
        else:
            slope, is_saturated, is_linear = judged
            saturated, linear = is_saturated.to(y).mean(), is_linear.to(y).mean()
            active = ~is_saturated.all(dim=0)
            if seen.gradient is not None and seen.gradient.shape == slope.shape:
                passed = _rms(seen.gradient * slope) / gradient
        figures = torch.stack([
            self._dead(active, len(y)).to(y), saturated, linear, y.mean(), y.std(correction=0),
            gradient, passed,
        ])  # fmt: skip
        known = dict(zip(FIGURES, figures.tolist(), strict=True))
        self._keep(Observation(step, **known, shape=_summaries(seen.shape)))

    def _judge(self, seen: Seen, twin: Twin | None) -> tuple[Tensor, Tensor, Tensor] | None:
        """Return slope, saturated and linear at the rows seen, if the site has a slope."""
        self.note = self.note or seen.note
        if twin is None or seen.x is None or self.note:
            return None
        try:
            if not self._checked:
                self.note, self._checked = self._reason(seen, twin), True
            if self.note:
                return None
            _, slope, saturated, linear = twin.judge(seen.x, self.tolerance)
        except Exception as error:  # the module is not ours; training must go on
            self.note = f"its derivative cannot be had: {type(error).__name__}: {error}"
            return None
        return slope, saturated, linear

    def _reason(self, seen: Seen, twin: Twin) -> str:
        """Say why a site has no slope of its own, or return ""."""
        assert seen.x is not None
        assert seen.y is not None
        self.mixes = seen.x.shape != seen.y.shape or twin.mixes(seen.x)
        if self.mixes:
            return "it is not element-wise"
        wrong = (twin.slope(seen.x)[0] - seen.y).abs() > 0.1 * seen.y.abs().clamp_min(1)
        return "its output is not a function of its input alone" if bool(wrong.any()) else ""

    def _varies(self, y: Tensor) -> Tensor:
        """Say which channels are not the one constant they have always been."""
        if self._constant is None or self._constant.shape != y[0].shape:
            self._constant = y[0].clone()
        active = (y != self._constant).any(dim=0)
        self._constant = y[-1].clone()
        return active

    def _dead(self, active: Tensor, rows: int) -> Tensor:
        """Return the fraction of channels without an active element in the window."""
        if self._last_active is None or self._last_active.shape != active.shape:
            self._last_active = torch.full_like(active, self.count - 1, dtype=torch.long)
            self.rows.clear()
        self.channels = len(active)
        self.rows.append(rows)
        self._last_active[active] = self.count
        silent = self.count - self._last_active
        return (silent >= len(self.rows)).float().mean()

    def _keep(self, observation: Observation) -> None:
        self.recent.append(observation)
        if self.count % self._stride == 0:
            self.history.append(observation)
        self.count += 1
        if len(self.history) > _LONGEST:
            self.history = self.history[::2]
            self._stride *= 2

    def figure(self, name: str) -> float:
        """Return a figure: dead as it is now, the others as means over the window."""
        values = [getattr(one, name) for one in self.recent]
        if name == "dead":
            return float(values[-1]) if values else math.nan
        return _mean(values)


def _rms(values: Tensor) -> Tensor:
    return values.square().mean().sqrt()


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def shape_parameters(module: nn.Module) -> dict[str, Tensor]:
    """Return copies of the small parameters of a site: what an activation function learns."""
    effective = getattr(module, "parameter_values", None)
    with torch.no_grad():
        own = dict(module.named_parameters(recurse=False))
        values = effective() if callable(effective) else own
        return {
            name: value.detach().clone()
            for name, value in values.items()
            if isinstance(value, Tensor) and value.numel() <= _SMALL
        }


def _summaries(shape: dict[str, Tensor]) -> dict[str, tuple[float, float, float]]:
    summaries = {}
    for name, value in shape.items():
        wide = value.float()
        mean, least, largest = torch.stack([wide.mean(), wide.min(), wide.max()]).tolist()
        summaries[name] = (mean, least, largest)
    return summaries
