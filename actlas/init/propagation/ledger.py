"""The ledger of a walk: the uses of each weight, what was left alone, and the notes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from actlas.errors import ActlasError

if TYPE_CHECKING:
    from actlas.init.propagation.weighing import Use


@dataclass
class Ledger:
    """What one walk found.

    Args:
        names: the qualified name of every parameter and buffer, by identity.
        fixed: variances of weights that are settled; any other weight is given what its layer
            needs.
        coefficients: settled coefficients of weighted sums, by the identity of their buffer.
        kept: weights to leave alone, with the reason.
    """

    names: Mapping[int, str]
    fixed: Mapping[str, float] = field(default_factory=dict)
    coefficients: dict[str, list[float]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)  # an ordered set
    sampled: dict[str, None] = field(default_factory=dict)

    def name_of(self, tensor: Tensor) -> str:
        """Return the qualified name of a parameter, or "" for a computed tensor."""
        return self.names.get(id(tensor), "")

    def keep(self, tensor: Tensor, why: str) -> None:
        """Leave a weight as it is, wherever it is used."""
        if name := self.name_of(tensor):
            self.kept.setdefault(name, why)

    def status(self, weight: Tensor, second_moment: float, where: str) -> str:
        """Return "set", or why a weight is left as it is."""
        if not math.isfinite(second_moment):
            raise ActlasError(f"the signal into {where} has second moment {second_moment}: what "
                              "comes before it overflows")  # fmt: skip
        name = self.name_of(weight)
        if not name or not isinstance(weight, nn.Parameter):
            return "computed from other tensors, left as it is"
        if name in self.kept:
            return self.kept[name]
        if not weight.requires_grad:
            return "frozen, left as it is"
        return "set" if second_moment > 0 else "nothing but zeros comes in, left as it is"

    def zeroed(self, bias: Any) -> str | None:
        """Return the name of a bias that is to start at 0, or None if there is none to set."""
        settable = isinstance(bias, nn.Parameter) and bias.requires_grad
        return (self.name_of(bias) or None) if settable else None
