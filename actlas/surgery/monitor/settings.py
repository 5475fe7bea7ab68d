"""How often and how closely a monitor looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actlas.errors import ActlasError

Log = Callable[[int, dict[str, float]], object]


@dataclass(frozen=True)
class Settings:
    """The arguments of `actlas.monitor`, checked."""

    every: int
    window: int
    sample: int
    tolerance: float
    eager: bool
    log: Log | None

    def __post_init__(self) -> None:
        for name in ("every", "window", "sample"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ActlasError(f"monitor: {name} must be an integer of 1 or more, got {value!r}")
        if not isinstance(self.tolerance, float) or not 0 < self.tolerance < 1:
            raise ActlasError(f"monitor: tolerance is between 0 and 1, got {self.tolerance!r}")
        if self.log is not None and not callable(self.log):
            raise ActlasError(f"monitor: log is a function (step, values), got {self.log!r}")
