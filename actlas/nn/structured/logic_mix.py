"""Several logical units side by side, on shares of the channels or all on the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from actlas.catalogue import fold
from actlas.errors import ActlasError, nearest
from actlas.nn.structured._common import dimension, grouped, need_choice, refuse_inplace
from actlas.nn.structured._logic import PAPER, LogicUnit
from actlas.nn.structured._registry import unit, units

_MODES = ("partition", "duplicate")


def _logic_unit(name: str) -> type[LogicUnit]:
    known = {e.id: e.cls for e in units().values() if issubclass(e.cls, LogicUnit)}
    for key, cls in known.items():
        if fold(str(name)) in map(fold, units()[key].names):
            return cls
    hint = nearest(str(name), known)
    raise ActlasError(f"LogicMix: there is no logical unit called {name!r}.{hint}")


@unit(id="logic_mix", aliases=("ail_mix",), paper=PAPER,
      errata=("The released partition drops the last groups without a word when their number is "
              "not a multiple of the number of operators; here every group is used, and the "
              "first operators get one more.",))  # fmt: skip
class LogicMix(nn.Module):
    r"""Several logical operators side by side, sharing out the channel groups or repeating them.

    .. math:: y = \left[ g_1(x^{(1)}),\, \dots,\, g_m(x^{(m)}) \right]

    with :math:`x^{(j)}` the groups of channels that operator j gets.

    Args:
        operators: ids of logical units, such as ("or_ail", "and_ail", "xnor_ail").
        mode: "partition" gives each operator its share of the C/k groups (C channels become C/k);
            "duplicate" gives every operator all groups (C become m C/k for m operators).
        k: channels per group, k >= 2.
        dim: the channel dimension.
        normalized: as for the single units.
        inplace: refused, because the output has another number of channels.

    Shape: (N, C, *) -> (N, C/k, *) or (N, m C/k, *) for dim=1; operator by operator.

    Raises ActlasError for an unknown operator, a C that is not a multiple of k, and fewer groups
    than operators in mode "partition". Source: Lowe et al. 2021, the combined activations.

    >>> mix = LogicMix(("or_ail", "and_ail"), mode="duplicate")
    >>> mix(torch.tensor([[1.0, 2.0, -1.0, -2.0]]))
    tensor([[ 3., -1.,  1., -3.]])
    """

    __constants__: ClassVar[list[str]] = ["mode", "k", "dim"]

    def __init__(
        self,
        operators: Sequence[str] = ("or_ail", "and_ail", "xnor_ail"),
        mode: str = "partition",
        k: int = 2,
        dim: int = 1,
        normalized: bool = False,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        refuse_inplace(inplace, "LogicMix", "its output has another number of channels")
        if isinstance(operators, str) or not operators:
            raise ActlasError("LogicMix: operators must be a sequence of at least one id, got "
                              f"{operators!r}")  # fmt: skip
        self.mode = need_choice(mode, _MODES, "mode", "LogicMix")
        self.k = k
        self.dim = dim
        self.operators = nn.ModuleList(
            _logic_unit(name)(k, dim, normalized) for name in operators
        )  # fmt: skip

    def _shares(self, x: Tensor) -> list[Tensor]:
        grouped(x, self.k, self.dim, "LogicMix")
        if self.mode == "duplicate":
            return [x] * len(self.operators)
        dim = dimension(x, self.dim, "LogicMix")
        groups, count = x.shape[dim] // self.k, len(self.operators)
        if groups < count:
            raise ActlasError(f"LogicMix: {groups} groups of {self.k} channels cannot be shared "
                              f"among {count} operators")  # fmt: skip
        each, more = divmod(groups, count)
        sizes = [self.k * (each + (place < more)) for place in range(count)]
        return list(torch.split(x, sizes, dim))

    def forward(self, input: Tensor) -> Tensor:
        outputs = [op(share) for op, share in zip(self.operators, self._shares(input), strict=True)]
        return torch.cat(outputs, self.dim)

    def extra_repr(self) -> str:
        return f"mode={self.mode!r}, k={self.k}, dim={self.dim}"
