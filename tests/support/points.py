"""Where functions are tested: by magnitude, both signs, zero, subnormals, and parameter corners."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from actlas.catalogue import Definition, Parameter, Value

_MAGNITUDES = (
    1e-30, 1e-20, 1e-12, 1e-8, 1e-6, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.75,
    0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 3, 3.14159, 3.5, 4, 4.5, 5, 6, 6.5, 7, 8, 9, 10,
    11, 12, 14, 16, 18, 20, 25, 30, 40, 60, 80, 88, 89, 90, 100, 104, 150, 300, 700, 709, 710,
    745, 1e3, 1e4, 65504, 1e5, 1e6, 1e8, 1e10, 1e15, 1e18, 1e19, 1e20, 1e30, 1e37, 3e38,
    1e50, 1e100, 1e153, 1e154, 1e155, 1e200, 1e300, 1.7e308,
)  # fmt: skip


@dataclass(frozen=True)
class Precision:
    """A floating-point format as computed in: rounding unit, smallest normal, largest finite."""

    name: str
    dtype: torch.dtype
    eps: float
    tiny: float
    largest: float

    @classmethod
    def of(cls, dtype: torch.dtype) -> Precision:
        info = torch.finfo(dtype)
        return cls(str(dtype).removeprefix("torch."), dtype, info.eps, info.tiny, info.max)

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Say which of the points the format represents exactly."""
        there = torch.tensor(points).to(self.dtype).to(torch.float64).numpy()
        return there == points


DOUBLE, SINGLE = Precision.of(torch.float64), Precision.of(torch.float32)


def line(every: int = 1) -> np.ndarray:
    """Return the points of one input: what float32 represents, and what only float64 reaches.

    Zero and the ends are always there; of the magnitudes each `every`-th.
    """
    single = [SINGLE.largest, SINGLE.tiny, SINGLE.tiny / 3, SINGLE.tiny * SINGLE.eps]
    double = [DOUBLE.largest, DOUBLE.tiny, DOUBLE.tiny / 3, DOUBLE.tiny * DOUBLE.eps]
    inside = [float(np.float32(m)) for m in _MAGNITUDES if m <= SINGLE.largest]
    beyond = [m for m in _MAGNITUDES if m > SINGLE.largest]
    chosen = [*inside[::every], *beyond[::every], *single, *double]
    return np.unique([0.0, *chosen, *(-m for m in chosen)])


def corner_cases(entry: Definition) -> dict[str, dict[str, Value]]:
    """Return parameter settings by name: the default, and smaller and larger values of each."""
    cases: dict[str, dict[str, Value]] = {"default": {}}
    if entry.parameters:
        cases["low"] = {n: _moved(p, 0.5, -0.25) for n, p in entry.parameters.items()}
        cases["high"] = {n: _moved(p, 1.5, 0.25) for n, p in entry.parameters.items()}
    for name, parameter in entry.parameters.items():
        for option in parameter.choices[1:]:
            cases[f"{name}={option}"] = {name: option}
    return cases


def _moved(parameter: Parameter, factor: float, shift: float) -> Value:
    """Return the default scaled, or shifted where it is 0, and kept inside the domain."""
    if parameter.choices:
        return parameter.default
    if isinstance(parameter.default, tuple):
        return tuple(_number(parameter, v, factor, shift / 4) for v in parameter.default)
    return _number(parameter, float(parameter.default), factor, shift)  # type: ignore[arg-type]


def _number(parameter: Parameter, value: float, factor: float, shift: float) -> float:
    moved = value * factor if value else shift
    if moved in parameter.domain:
        return moved
    low, high = parameter.domain.low, parameter.domain.high
    if math.isfinite(low) and math.isfinite(high):
        return low + (high - low) * (0.25 if factor < 1 else 0.75)
    return value


def every_half(dtype: torch.dtype) -> torch.Tensor:
    """Return all 65,536 values of a 16-bit format."""
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    return bits.view(dtype)


def grid_2d(every: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of points for functions of two inputs."""
    few = [1e-20, 1e-6, 0.01, 0.3, 0.7, 1, 1.3, 2, 3.5, 6, 15, 30, 88, 100, 700, 1e4, 1e10, 1e30]
    chosen = [float(np.float32(m)) for m in few[::every]]
    both = np.unique([0.0, *chosen, *(-m for m in chosen)])
    x, y = np.meshgrid(both, both)
    return x.ravel(), y.ravel()


def in_float32(values: dict[str, Any]) -> dict[str, Any]:
    """Return parameter values rounded to float32, so that every backend gets the same."""
    return {
        name: value if isinstance(value, str)
        else tuple(float(np.float32(v)) for v in value) if isinstance(value, tuple)
        else float(np.float32(value))
        for name, value in values.items()
    }  # fmt: skip
