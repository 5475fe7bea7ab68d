"""The gated unit: one half of the channels opens and closes the other."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from actlas.catalogue import Paper
from actlas.nn._module import module_signature
from actlas.nn.gated import halves
from actlas.nn.gated.layout import check_layout
from actlas.nn.gated.product import Half, definition, is_formula, multiply, refuse_unknown
from actlas.nn.structured._common import refuse_inplace
from actlas.nn.structured._registry import unit

_SHAZEER = Paper("Shazeer", 2020, arxiv="2002.05202", title="GLU Variants Improve Transformer")
_ORDER = ("Libraries call the product GLU whatever its gate; torch.nn.GLU gates with the second "
          "half, Megatron, vLLM and Transformer Engine with the first.")  # fmt: skip
_OF_MODULES = {"num_parameters", "learnable", "device", "dtype"}


class Formula(nn.Module):
    """A formula of x with numbers for its parameters, as one half of a gated unit."""

    def __init__(self, formula: str, numbers: dict[str, float]) -> None:
        super().__init__()
        self.formula, self.numbers = formula, numbers
        self.entry = definition(formula, tuple(numbers))
        self.entry.bind(numbers)

    def __reduce__(self) -> Any:
        return Formula, (self.formula, self.numbers)  # the entry is found again from its text

    def parameter_values(self) -> dict[str, float]:
        """Return the numbers that stand for the formula's parameters."""
        return self.numbers

    def extra_repr(self) -> str:
        return ", ".join([self.formula, *(f"{k}={v!r}" for k, v in self.numbers.items())])


@unit(id="gated_unit", aliases=("glu_variant",), paper=_SHAZEER, collisions=(_ORDER,))
class GatedUnit(nn.Module):
    r"""Product of a function of the gate half and a function of the linear half.

    .. math:: y = f(g) \, h(u)

    Args:
        gate: f, a function of the catalogue by any name, or a formula of x.
        linear: h, the same for the linear half; the classical units have h(u) = u.
        dim: the dimension whose channels are halved.
        layout: where the gate lies: "gate_first", "gate_second" (as in torch.nn.GLU),
            "interleaved" (at the even places) or "two_tensors".
        inplace: refused, because the output is smaller than the input.
        parameters: parameters of f and h; where f learns some, also num_parameters, learnable,
            device and dtype, as of its module.

    Shape: (*, 2C, *) -> (*, C, *), or two tensors (g, u) of one shape -> that shape.

    Value and gradient are computed at once: backward keeps the input alone. Raises ActlasError for
    unknown names, a dimension that cannot be halved, or an input that is not floating point.
    Source: Shazeer 2020, equations 5 and 6, for any function.

    >>> import torch
    >>> GatedUnit("telu")(torch.tensor([1.0, 3.0]))
    tensor([2.9740])
    """

    __constants__: ClassVar[list[str]] = ["dim", "layout"]
    gate_function: ClassVar[str]
    linear_function: ClassVar[str] = "identity"
    dim: int
    layout: str

    def __init__(
        self,
        gate: str = "sigmoid",
        linear: str = "identity",
        dim: int = -1,
        layout: str = "gate_first",
        inplace: bool = False,
        **parameters: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        refuse_inplace(inplace, name, "its output has half the channels of its input")
        self.dim, self.layout = dim, check_layout(layout, name)
        known = {p for function in (gate, linear) for p in _known(function, parameters)}
        refuse_unknown(parameters, known | _OF_MODULES, name)
        self.gate = _factor(gate, parameters)
        self.linear = _factor(linear, parameters)

    def forward(self, *inputs: Tensor) -> Tensor:
        gate, linear = halves(inputs, self.layout, self.dim)
        return multiply(*self.functions(), gate, linear, self.dim)

    def functions(self) -> tuple[Half, Half]:
        """Return what the two halves go through, with the present values of the parameters."""
        gate, linear = self.gate, self.linear
        return (Half(gate.entry, gate.parameter_values()),  # type: ignore[operator, arg-type]
                Half(linear.entry, linear.parameter_values()))  # type: ignore[operator, arg-type]  # fmt: skip

    def reset_parameters(self) -> None:
        """Set the learnable parameters of the gate back to their initial values."""
        for half in (self.gate, self.linear):
            if not isinstance(half, Formula):
                half.reset_parameters()  # type: ignore[operator]

    def extra_repr(self) -> str:
        return f"dim={self.dim}, layout={self.layout!r}"


def _known(function: str, given: dict[str, Any]) -> set[str]:
    return set(definition(function, tuple(given)).parameters)


def _factor(function: str, given: dict[str, Any]) -> nn.Module:
    """Return the module of a function with those of the given options that it takes."""
    known = _known(function, given)
    if is_formula(function):
        return Formula(function, {name: given[name] for name in given if name in known})
    from actlas.nn import class_of

    entry = definition(function)
    taken = set(module_signature(entry).parameters) - {"inplace"}
    return class_of(entry.name)(**{name: given[name] for name in given if name in taken})
