"""What `actlas.identify` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
from torch import nn

from actlas.errors import ActlasError
from actlas.surgery.identification.curves import Span
from actlas.surgery.identification.match import PLAIN, Scale

Place = Union[float, tuple[float, float]]


@dataclass(frozen=True)
class Identity:
    """What an object was found to be, and how well that was measured.

    Attributes:
        subject: what was asked about.
        id: the nearest function of the catalogue, or gated unit of actlas.nn.
        parameters: what differs from its defaults; of a gated unit also the layout.
        difference: the largest difference found on the interval.
        at: where it lies: x, or (gate, linear) of a gated unit.
        interval: where it was looked for.
        text: the function as a formula, "0.588*silu(1.7*x)".
        scale: (a, b, c, d) of a f(b x + d) + c.
        exact: whether they are the same but for rounding.
        known: whether the difference is within the tolerance.
        same_as: other names of the same function in the catalogue.
        next: other functions of the catalogue and their largest difference, the nearest first.
        notes: what else was seen.
    """

    subject: str
    id: str
    parameters: Mapping[str, Any]
    difference: float
    at: Place
    interval: Span
    text: str
    scale: Scale = PLAIN
    exact: bool = True
    known: bool = True
    same_as: tuple[str, ...] = ()
    next: tuple[tuple[str, float], ...] = ()
    notes: tuple[str, ...] = ()

    def create(self, **options: Any) -> nn.Module:
        """Return a new module of the function found; `options` are those of actlas.nn.create.

        Raises:
            ActlasError: if it is not known, scaled, or has another parameter in every channel.
        """
        from actlas.nn import create

        if not self.known or self.scale != PLAIN:
            raise ActlasError(
                f"{self.subject} is no function of the catalogue as it stands; the nearest is "
                f"{self.text}"
            )
        if any(isinstance(value, np.ndarray) for value in self.parameters.values()):
            raise ActlasError(
                f"{self.subject} has other parameters in every channel; make "
                f"actlas.nn.create({self.id!r}, num_parameters=...) and copy them"
            )
        return create(self.id, **{**self.parameters, **options})

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, in plain numbers, strings and lists."""
        plain = {k: v.ravel().tolist() if isinstance(v, np.ndarray) else v
                 for k, v in self.parameters.items()}  # fmt: skip
        return {**vars(self), "parameters": plain}

    def __str__(self) -> str:
        lines = [f"{self.subject} {self._verdict()}"]
        if self.same_as:
            lines.append(f"  the same as {', '.join(self.same_as)}")
        if self.next:
            listed = ", ".join(f"{text} ({distance:.3g} away)" for text, distance in self.next)
            lines.append(f"  next: {listed}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    def _verdict(self) -> str:
        where, away = "on [{:g}, {:g}]".format(*self.interval), f"{self.difference:.3g}"
        if self.difference == 0:
            return f"is {self.text}: no difference {where}"
        if self.exact:
            return f"is {self.text}: largest difference {away} {where}, at {self._place()}"
        if self.known:
            return f"is within {away} of {self.text} {where}, farthest at {self._place()}"
        return (f"is not in the catalogue; the nearest is {self.text}: largest difference {away} "
                f"{where}, at {self._place()}")  # fmt: skip

    def _place(self) -> str:
        if isinstance(self.at, float):
            return f"x = {self.at:.4g}"
        names = ("gate", "linear") if "layout" in self.parameters else ("x", "y")
        return ", ".join(f"{n} = {v:.4g}" for n, v in zip(names, self.at, strict=True))
