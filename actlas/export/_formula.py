"""What is exported: a function with its parameters filled in, however it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Union

import numpy as np
import numpy.typing as npt
from torch import nn

from actlas.backends import numpy as numpy_backend
from actlas.catalogue import Definition, Value, find, unroll
from actlas.errors import ActlasError
from actlas.expr import Expr
from actlas.facts import Curve
from actlas.nn._module import ElementwiseModule
from actlas.nn.structured import find_unit, units

Array = npt.NDArray[np.float64]


class Function(Protocol):
    """What `actlas.get` returns: an entry with the values of its parameters."""

    @property
    def definition(self) -> Definition: ...
    @property
    def values(self) -> tuple[tuple[str, Value], ...]: ...
    @property
    def order(self) -> int: ...
    def expression(self) -> Expr: ...


Subject = Union[str, Function, nn.Module]


@dataclass(frozen=True)
class Formula:
    """An expression in the inputs alone, and where it comes from."""

    entry: Definition
    values: tuple[tuple[str, Value], ...]
    root: Expr
    order: int = 0  # of the derivative

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs: x, or x and y."""
        return self.entry.inputs

    @property
    def name(self) -> str:
        """The id, fit for an identifier; of a derivative with its order."""
        return self.entry.name + (f"_derivative_{self.order}" if self.order else "")

    @property
    def label(self) -> str:
        """The title, with those parameters that are not at their defaults.

        >>> formula_of("elu", alpha=2).label
        'ELU(alpha=2.0)'
        """
        usual = {name: parameter.default for name, parameter in self.entry.parameters.items()}
        given = [f"{name}={value}" for name, value in self.values if value != usual[name]]
        title = self.entry.title + "'" * self.order
        return f"{title}({', '.join(given)})" if given else title

    def __call__(self, *points: Array) -> Array:
        """Return the values at `points`, in double precision."""
        tape = numpy_backend.compiled(self.root, self.inputs)
        return numpy_backend.run(tape, *points)


def formula_of(what: Subject, **parameters: Any) -> Formula:
    """Return the formula of a function of the catalogue, by name, as Activation or as module.

    Raises:
        ActlasError: for an unknown name or parameter, a structured unit, or a module whose
            parameters differ from channel to channel.

    >>> formula_of("relu").root
    max(x, 0)
    """
    if isinstance(what, str):
        entry = _entry(what)
        return _bound(entry, entry.bind(parameters))
    if parameters:
        named = ", ".join(parameters)
        raise ActlasError(f"{named}: parameters go with a name; this function has its own already")
    if isinstance(what, nn.Module):
        return _bound(*_of_module(what))
    if not hasattr(what, "definition"):
        raise ActlasError(f"expected a name, an Activation or a module, got {what!r}")
    return _filled(what.definition, what.values, what.expression(), what.order)


def _entry(name: str) -> Definition:
    try:
        return find(name)
    except ActlasError:
        unit = find_unit(name)
        if unit is None:
            raise
        raise ActlasError(_mixes(unit.id)) from None


def _mixes(name: str) -> str:
    return (f"{name} is a structured unit, not a function of one number; put it into a model and "
            "export that with actlas.export.to_onnx")  # fmt: skip


def _of_module(module: nn.Module) -> tuple[Definition, dict[str, Value]]:
    if not isinstance(module, ElementwiseModule):
        known = {type(module)} & {unit.cls for unit in units().values()}
        raise ActlasError(
            _mixes(type(module).__name__) if known
            else f"{type(module).__name__} is no function of actlas; export a model with to_onnx"
        )  # fmt: skip
    return module.entry, parameter_numbers(module)


def parameter_numbers(module: ElementwiseModule) -> dict[str, Value]:
    """Return the parameters of a module as numbers; ActlasError if they differ by channel."""
    if module.num_parameters > 1:
        raise ActlasError(
            f"{type(module).__name__} has {module.num_parameters} values per parameter, one a "
            "channel, and one function has room for one; export the model it stands in"
        )
    numbers: dict[str, Value] = {}
    for name, value in module.parameter_values().items():
        vector = module.entry.parameters[name].is_vector
        if hasattr(value, "tolist"):
            value = tuple(value.tolist()) if vector else value.item()
        numbers[name] = value
    return numbers


def _bound(entry: Definition, values: Mapping[str, Value]) -> Formula:
    return _filled(entry, tuple(values.items()), entry.expression(entry.shape_of(values)))


def _filled(
    entry: Definition, values: tuple[tuple[str, Value], ...], root: Expr, order: int = 0
) -> Formula:
    return Formula(entry, values, Curve.of(root, unroll(dict(values))).root, order)
