"""A function with its parameters filled in: values, derivatives, break points, extrema."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt
from mpmath import mp, mpf

from actlas.backends import mpmath as exact
from actlas.backends import numpy as numpy_backend
from actlas.expr import Expr, const, derivative, substitute, symbol, walk
from actlas.expr.node import sub

Array = npt.NDArray[np.float64]
_COMPARISONS = frozenset({"lt", "le", "gt", "ge", "max", "min"})
_BENT_AT_ZERO = frozenset({"abs", "sign", "softsign", "rabs"})


@dataclass(frozen=True, eq=False)
class Curve:
    """An expression in x alone."""

    root: Expr

    @classmethod
    def of(cls, root: Expr, values: dict[str, float]) -> Curve:
        """Return the curve of `root` with its parameters replaced by their exact values."""
        fill = {symbol(name): const(Fraction(value)) for name, value in values.items()}
        return cls(substitute(root, fill))

    def slope(self, order: int = 1) -> Curve:
        """Return the derivative as a curve."""
        return Curve(derivative(self.root, "x", order))

    def __call__(self, x: Array | float) -> Array:
        return numpy_backend.evaluate(self.root, ("x",), x)

    def exactly(self, x: mpf) -> mpf:
        """Return the value at `x` in the current mpmath precision."""
        return exact.evaluate(self.root, {"x": x})

    def limit(self, towards: int) -> float | None:
        """Return the limit at +inf (1) or -inf (-1); None where the curve keeps oscillating."""
        return exact.limit(self.root, {}, towards)

    @cached_property
    def breaks(self) -> tuple[mpf, ...]:
        """Return, to 60 digits, every x in [-40, 40] at which a piece of the formula changes."""
        found: list[mpf] = []
        for node in walk(self.root):
            if node.op in _COMPARISONS:
                switch = sub(node.args[0], node.args[1])
            elif node.op in _BENT_AT_ZERO:
                switch = node.args[0]
            else:
                continue
            exactly = map(Curve(switch).refine, Curve(switch).roots())
            found += [r for r in exactly if not any(_same(r, s) for s in found)]
        return tuple(sorted(found))

    def roots(self) -> list[float]:
        """Return the sign changes and exact zeros of the curve on the search grid."""
        signs = np.sign(self(GRID))
        at: list[float] = GRID[signs == 0].tolist()
        flips = np.flatnonzero(signs[:-1] * signs[1:] < 0)
        between: list[float] = self.halve(GRID[flips], GRID[flips + 1]).tolist()
        return between + (at if len(at) < 50 else [])

    def halve(self, low: Array, high: Array) -> Array:
        """Halve the intervals around sign changes, all at once, until doubles are exhausted."""
        sign = np.sign(self(low))
        for _ in range(70):
            middle = (low + high) / 2
            left = np.sign(self(middle)) == sign
            low, high = np.where(left, middle, low), np.where(left, high, middle)
        return np.asarray(high, dtype=np.float64)

    def refine(self, root: float) -> mpf:
        """Return the root nearest to a double, to 60 digits."""
        with mp.workdps(60):
            near = mpf(root)
            if self.exactly(near) == 0:
                return near
            try:
                found = mp.findroot(self.exactly, (near, near * (1 + mpf(10) ** -17)), tol=1e-100)
            except (ValueError, ZeroDivisionError):
                return near
            return found if _same(found, near) else near


def _same(a: mpf, b: mpf) -> bool:
    return bool(abs(a - b) < mpf(10) ** -14 * max(1, abs(a)))


def _grid() -> Array:
    """The search points: dense where functions live, by magnitude towards 0 and outwards."""
    powers = np.logspace(-8, np.log10(40), 400)
    dense = np.linspace(-40, 40, 8001) + 1e-3 / 7  # off the round numbers, where pieces meet
    return np.unique(np.concatenate([-powers, [0.0], powers, dense]))


GRID = _grid()
