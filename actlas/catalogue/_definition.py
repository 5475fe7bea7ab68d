"""What one entry of the catalogue is: a formula, its parameters and where it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Union

from actlas.catalogue._paper import Claim, Paper
from actlas.errors import ActlasError, nearest
from actlas.expr import Expr, symbol

Value = Union[float, tuple[float, ...], str]
Shape = tuple[tuple[str, Union[int, str]], ...]


@dataclass(frozen=True)
class Domain:
    """The values a parameter may take: an interval, open or closed at its finite ends."""

    text: str
    low: float = -math.inf
    high: float = math.inf
    open: bool = True

    def __contains__(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        inside = self.low < value < self.high
        return inside or (not self.open and value in (self.low, self.high))


REAL = Domain("any real number")
POSITIVE = Domain("greater than 0", low=0.0)
NONNEGATIVE = Domain("0 or greater", low=0.0, open=False)
UNIT = Domain("from 0 to 1", low=0.0, high=1.0, open=False)


def between(low: float, high: float) -> Domain:
    """Return the domain of the numbers strictly between `low` and `high`."""
    return Domain(f"between {low:g} and {high:g}", low=low, high=high)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function: default value, domain, and whether networks learn it."""

    default: Value
    domain: Domain = REAL
    learnable: bool = False
    choices: tuple[str, ...] = ()
    stored_as: str = ""  # the state_dict key, where PyTorch's own module uses another name
    name: str = ""

    @property
    def is_vector(self) -> bool:
        return isinstance(self.default, tuple)

    @property
    def key(self) -> str:
        """The name in a module's state_dict."""
        return self.stored_as or self.name

    def check(self, value: Any, entry: str) -> Value:
        """Return `value` in canonical form; ActlasError if it is outside the domain."""
        if self.choices:
            if value not in self.choices:
                allowed = ", ".join(map(repr, self.choices))
                raise ActlasError(f"{entry}: {self.name} must be one of {allowed}, got {value!r}")
            return str(value)
        if self.is_vector:
            if isinstance(value, str) or not hasattr(value, "__iter__"):
                raise ActlasError(f"{entry}: {self.name} must be a sequence, got {value!r}")
            return tuple(self._number(item, entry) for item in value)
        return self._number(value, entry)

    def _number(self, value: Any, entry: str) -> float:
        if isinstance(value, (str, bool)):
            raise ActlasError(f"{entry}: {self.name} must be a number, got {value!r}")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ActlasError(f"{entry}: {self.name} must be a number, got {value!r}") from None
        if number not in self.domain:
            raise ActlasError(f"{entry}: {self.name} must be {self.domain.text}, got {value!r}")
        return number


def fixed(default: float | tuple[float, ...], domain: Domain = REAL) -> Any:
    """Declare a constant of the function."""
    return Parameter(default, domain)


def learnable(
    default: float | tuple[float, ...], domain: Domain = REAL, stored_as: str = ""
) -> Any:
    """Declare a parameter that a network trains."""
    return Parameter(default, domain, learnable=True, stored_as=stored_as)


def choice(*options: str) -> Any:
    """Declare a variant of the formula; the first option is the default."""
    return Parameter(options[0], choices=options)


@dataclass(frozen=True, eq=False)
class Definition:
    """An entry: everything that is said once about a function."""

    name: str
    title: str
    family: str
    description: str
    body: Callable[..., Expr]
    inputs: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    paper: Paper
    aliases: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    status: str = "verified"
    status_reason: str = ""
    collisions: tuple[str, ...] = ()
    errata: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    formula: Callable[..., Expr] | None = None
    place: str = ""
    _traces: dict[Any, Expr] = field(default_factory=dict, repr=False)

    @property
    def learns(self) -> bool:
        """Whether a network can train a parameter of the function."""
        return any(parameter.learnable for parameter in self.parameters.values())

    def bind(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Return every parameter's value, the given ones checked, the others at their default."""
        for name in given:
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                hint = nearest(name, self.parameters)
                raise ActlasError(
                    f"{self.name} has no parameter {name!r}; its parameters: {known}.{hint}"
                )
        return {
            name: parameter.check(given[name], self.name) if name in given else parameter.default
            for name, parameter in self.parameters.items()
        }

    def shape_of(self, values: Mapping[str, Any]) -> Shape:
        """Return what of the values changes the formula itself: vector lengths and choices."""
        shape: list[tuple[str, int | str]] = []
        for name, parameter in self.parameters.items():
            if parameter.choices:
                shape.append((name, values[name]))
            elif parameter.is_vector:
                shape.append((name, len(values[name])))
        return tuple(shape)

    @property
    def default_shape(self) -> Shape:
        return self.shape_of({name: p.default for name, p in self.parameters.items()})

    def expression(self, shape: Shape | None = None, *, as_printed: bool = False) -> Expr:
        """Return the formula as an expression in the inputs and the parameters.

        `as_printed` gives the paper's own form where the entry keeps one beside the stable form.
        """
        shape = self.default_shape if shape is None else shape
        body = self.formula if as_printed and self.formula else self.body
        key = (shape, body)
        if key not in self._traces:
            self._traces[key] = body(*map(symbol, self.inputs), **self._arguments(shape))
        return self._traces[key]

    def _arguments(self, shape: Shape) -> dict[str, Any]:
        sizes = dict(shape)
        arguments: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if parameter.choices:
                arguments[name] = sizes[name]
            elif parameter.is_vector:
                arguments[name] = tuple(map(symbol, vector_names(name, int(sizes[name]))))
            else:
                arguments[name] = symbol(name)
        return arguments

    def scalars(self, shape: Shape) -> tuple[str, ...]:
        """Return the names of all scalar symbols, vectors unrolled, in signature order."""
        sizes = dict(shape)
        names: list[str] = []
        for name, parameter in self.parameters.items():
            if parameter.is_vector:
                names.extend(vector_names(name, int(sizes[name])))
            elif not parameter.choices:
                names.append(name)
        return tuple(names)


@cache
def vector_names(name: str, size: int) -> tuple[str, ...]:
    """Return the symbol names of a vector parameter's elements: a_0, a_1, ..."""
    return tuple(f"{name}_{index}" for index in range(size))


def unroll(values: Mapping[str, Value]) -> dict[str, float]:
    """Return scalar symbol values: vectors unrolled, choices dropped.

    >>> unroll({"a": (1.0, 2.0), "version": "A", "n": 3.0})
    {'a_0': 1.0, 'a_1': 2.0, 'n': 3.0}
    """
    scalars: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, tuple):
            scalars.update(zip(vector_names(name, len(value)), value, strict=True))
        elif not isinstance(value, str):
            scalars[name] = value
    return scalars
