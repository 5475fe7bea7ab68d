"""The public functions: `get`, `names`, `define`, `forget`, `cite`, and their Activation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import numpy.typing as npt
import torch

from actlas import catalogue
from actlas.catalogue import Definition, Paper, Parameter, Value
from actlas.errors import ActlasError, nearest

if TYPE_CHECKING:
    from actlas.facts import Facts

Array = npt.NDArray[Any]
Input = Union[torch.Tensor, Array, float]


@dataclass(frozen=True)
class Activation:
    """A function of the catalogue with its parameters filled in.

    Call it on a tensor, an array or a number; the result is of the same kind.

    >>> telu = get("telu")
    >>> round(telu(1.0), 12)
    0.991328915801
    >>> round(telu.derivative()(0.0), 12)
    0.761594155956
    """

    definition: Definition
    values: tuple[tuple[str, Value], ...]
    order: int = 0

    @property
    def name(self) -> str:
        """The id."""
        return self.definition.name

    @property
    def title(self) -> str:
        """The name as the paper, or torch.nn, writes it."""
        return self.definition.title

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names it answers to."""
        return self.definition.aliases

    @property
    def family(self) -> str:
        """The file of the catalogue it stands in."""
        return self.definition.family

    @property
    def description(self) -> str:
        """One sentence."""
        return self.definition.description

    @property
    def paper(self) -> Paper:
        """Where it comes from."""
        return self.definition.paper

    @property
    def status(self) -> str:
        """ "verified" against a primary source, or "reconstructed"."""
        return self.definition.status

    @property
    def status_reason(self) -> str:
        """Why it is only reconstructed, or ""."""
        return self.definition.status_reason

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The parameters as declared."""
        return self.definition.parameters

    @property
    def latex(self) -> str:
        """The formula, or the derivative's, in LaTeX, as the paper writes it."""
        from actlas.backends.latex import to_latex

        return to_latex(self.expression(as_printed=True))

    @property
    def facts(self) -> Facts:
        """The computed facts at these parameters."""
        from actlas.facts import Facts, facts_of
        from actlas.facts.curve import Curve

        if not self.order:
            return facts_of(self.definition, dict(self.values))
        return Facts(Curve.of(self.expression(), catalogue.unroll(dict(self.values))))

    def expression(self, *, as_printed: bool = False) -> Any:
        """Return the expression, differentiated `order` times."""
        from actlas.expr import derivative

        shape = self.definition.shape_of(dict(self.values))
        root = self.definition.expression(shape, as_printed=as_printed and not self.order)
        return derivative(root, "x", self.order) if self.order else root

    def derivative(self, order: int = 1) -> Activation:
        """Return the derivative of the given order as a function of the same kind."""
        if isinstance(order, bool) or not isinstance(order, int) or order < 0:
            raise ActlasError(f"the order of a derivative is 0, 1, 2, ..., got {order!r}")
        return Activation(self.definition, self.values, self.order + order)

    def source(self, language: str) -> str:
        """Return the function as source code: c, javascript, torch, numpy, jax or latex."""
        from actlas.backends import sources

        return sources.source(self.expression(), self._inputs(), self.name, language,
                              self.numbers)  # fmt: skip

    @property
    def scalars(self) -> tuple[str, ...]:
        """The names of the scalar parameters in the expression, vectors element by element."""
        return tuple(self.definition.scalars(self.definition.shape_of(dict(self.values))))

    @property
    def numbers(self) -> tuple[float, ...]:
        """The values of `scalars`."""
        return tuple(catalogue.unroll(dict(self.values)).values())

    def _inputs(self) -> tuple[str, ...]:
        return (*self.definition.inputs, *self.scalars)

    def __call__(self, *inputs: Input) -> Any:
        if len(inputs) != len(self.definition.inputs):
            wanted = " and ".join(self.definition.inputs)
            raise ActlasError(f"{self.name} is a function of {wanted}, got {len(inputs)} values")
        if isinstance(inputs[0], torch.Tensor):
            return self._on_tensors(inputs, self.numbers)
        return self._on_arrays(inputs, self.numbers)

    def value_and_derivative(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return f(x) and f'(x), on the CPU from one pass over `x`.

        Args:
            x: a floating-point tensor; both results have its shape and dtype.

        Raises:
            ActlasError: for functions of two inputs.

        >>> y, slope = get("relu").value_and_derivative(torch.tensor([-1.0, 2.0]))
        >>> slope
        tensor([0., 1.])
        """
        from actlas.kernels.autograd import elementwise
        from actlas.nn._apply import check_dtype

        if len(self.definition.inputs) != 1:
            raise ActlasError(f"{self.name} is a function of two inputs; it has no one derivative")
        check_dtype(x, self.name)
        kernel = elementwise(self.expression(), self._inputs(), self.numbers)
        return kernel.value_and_slope(x, *self.numbers)

    def _on_tensors(self, inputs: tuple[Any, ...], numbers: tuple[float, ...]) -> torch.Tensor:
        from actlas.kernels.autograd import apply, elementwise
        from actlas.nn._apply import check_dtype

        for tensor in inputs:
            check_dtype(tensor, self.name)
        defaults = numbers if len(inputs) == 1 else ()
        kernel = elementwise(self.expression(), self._inputs(), defaults)
        return apply(kernel.key, *inputs, *numbers)

    def _on_arrays(self, inputs: tuple[Any, ...], numbers: tuple[float, ...]) -> Any:
        from actlas.backends import numpy as numpy_backend

        arrays = [np.asarray(value) for value in inputs]
        for array in arrays:
            if array.dtype.kind not in "fiu":
                raise ActlasError(f"{self.name} needs real numbers, got dtype {array.dtype}")
        x, *others = np.broadcast_arrays(*arrays)
        wide = [np.asarray(other, dtype=np.float64) for other in others]
        tape = numpy_backend.compiled(self.expression(), self._inputs(), numbers)
        result = numpy_backend.run(tape, x, *wide, *numbers)
        if result.ndim == 0 and not isinstance(inputs[0], np.ndarray):
            return float(result)
        return result.astype(x.dtype) if x.dtype.kind == "f" else result


def names(tag: str | None = None) -> list[str]:
    """Return the ids in the catalogue, or of one family or tag ("torch", "learnable", ...).

    >>> "mish" in names()
    True
    """
    entries = catalogue.load().values()
    if tag is None:
        return [entry.name for entry in entries]
    found = [entry.name for entry in entries if tag in tags_of(entry)]
    if not found:
        known = sorted({word for entry in entries for word in tags_of(entry)})
        raise ActlasError(f"no activation has the tag {tag!r}; the tags are "
                          f"{', '.join(known)}.{nearest(tag, known)}")  # fmt: skip
    return found


def tags_of(entry: Definition) -> set[str]:
    """Return the words an entry is found by: family, status, learnable, its own tags."""
    learns = {"learnable"} if entry.learns else set()
    return {entry.family, entry.status, *entry.tags, *learns}


def get(name: str, **parameters: Any) -> Activation:
    """Return the function called `name` (id, alias or title) with the given parameters.

    Raises:
        ActlasError: for an unknown name or parameter, with the nearest valid one, or a value
            outside its domain.

    >>> get("leaky-relu", negative_slope=0.2)(-1.0)
    -0.2
    """
    entry = _find_function(name)
    return Activation(entry, tuple(entry.bind(parameters).items()))


def _find_function(name: str) -> Definition:
    """Return the entry, or say that the name is that of a module with weights."""
    try:
        return catalogue.find(name)
    except ActlasError:
        from actlas.nn.structured import find_unit

        unit = find_unit(name)
        if unit is None:
            raise
        raise ActlasError(
            f"{name} is a structured unit, not a function of one number; "
            f"build it with actlas.nn.create({unit.id!r}, ...)"
        ) from None


def define(name: str, formula: str, **parameters: Any) -> Activation:
    """Define a function from text; it gets everything a built-in has.

    Args:
        name: a new id in lower_snake_case.
        formula: in x, the parameters, + - * / **, comparisons, and the primitives
            (`actlas.expr.primitives`), for example "x * tanh(exp(a*x))".
        parameters: a number, or `actlas.catalogue.learnable(1.0)`, for each name used.

    Raises:
        ActlasError: for an unknown name, an unused parameter, a taken name or a form that
            cancels or overflows; the message says what to write instead.

    >>> steep = define("steep_sigmoid", "sigmoid(k*x)", k=4.0)
    >>> steep(0.0)
    0.5
    """
    catalogue.define(name, formula, **parameters)
    return get(name)


def forget(name: str) -> None:
    """Take a function of your own out of the catalogue, so that its name is free again.

    Raises:
        ActlasError: for an unknown name, or a function of the catalogue itself.

    >>> _ = define("short_lived", "x*x")
    >>> forget("short_lived")
    """
    entry = catalogue.find(name)
    if entry.paper is not catalogue.USER:
        raise ActlasError(f"{entry.name} belongs to the catalogue; only your own can be forgotten")
    catalogue.forget(entry.name)


def cite(what: str | Activation) -> str:
    """Return the BibTeX entry of a function's paper.

    >>> print(cite("mish").splitlines()[0])
    @misc{misra2019mish,
    """
    found = what if isinstance(what, Activation) else get(what)
    return found.paper.bibtex(found.name)


def activation(**details: Any) -> Callable[[Callable[..., Any]], Activation]:
    """Decorate a formula to define a function with a paper, aliases and claims.

    See `actlas.catalogue.activation` for the arguments; without `paper` it counts as your own.

    >>> from actlas.expr import tanh
    >>> @activation()
    ... def bent_tanh(x):
    ...     "A tanh that keeps growing."
    ...     return tanh(x) + 0.1 * x
    >>> bent_tanh(0.0)
    0.0
    """
    details.setdefault("paper", catalogue.USER)

    def enter(body: Callable[..., Any]) -> Activation:
        return get(catalogue.activation(**details)(body).name)

    return enter


__all__ = ["Activation", "activation", "cite", "define", "forget", "get", "names", "tags_of"]
