"""What each function becomes in ONNX, and how well ONNX Runtime computes it: measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from actlas.backends import numpy as numpy_backend
from actlas.backends.onnx import RESULT, Node
from actlas.catalogue import load
from actlas.errors import need_extra
from actlas.export._formula import Array, Formula, formula_of
from actlas.export.onnx import OPSETS, graph_nodes, model_of
from actlas.expr import derivative

Form = tuple[Formula, list[Node]]


@dataclass(frozen=True)
class Support:
    """One form of a function in ONNX: from which opset to which, and its measured error."""

    name: str
    title: str
    first_opset: int
    last_opset: int
    operators: tuple[str, ...]
    max_error: float

    @property
    def native(self) -> bool:
        """Whether it is one operator."""
        return len(self.operators) == 1

    def record(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return {**asdict(self), "native": self.native}


def support(names: Iterable[str] | None = None) -> list[Support]:
    """Return every form that each function takes from opset 18 to 24, with its measured error.

    `max_error` is that of `error_of` in ONNX Runtime, float32, over [-10, 10].

    Args:
        names: of functions; None means the whole catalogue.

    >>> for form in support(["silu"]):
    ...     print(form.first_opset, form.last_opset, *form.operators)
    18 23 Sigmoid Mul
    24 24 Swish
    """
    formulas = [formula_of(name) for name in (load() if names is None else names)]
    forms = [(formula, *form) for formula in formulas for form in _forms(formula)]
    x = np.linspace(-10, 10, 4001).astype(np.float32)
    found = run([(formula, made) for formula, _, made in forms], x)
    return [
        Support(
            formula.name, formula.entry.title, opsets[0], opsets[-1], operators(made),
            float(error_of(formula, x, result).max()),
        )
        for (formula, opsets, made), result in zip(forms, found, strict=True)
    ]  # fmt: skip


def _forms(formula: Formula) -> list[tuple[list[int], list[Node]]]:
    by_opset = [(graph_nodes(formula, opset), opset) for opset in OPSETS]
    groups = groupby(by_opset, key=lambda pair: pair[0])
    return [([opset for _, opset in members], made) for made, members in groups]


def operators(made: Iterable[Node]) -> tuple[str, ...]:
    """Return the operators of a form, constants left out."""
    return tuple(node.operator for node in made if node.computes)


def run(forms: Sequence[Form], x: npt.NDArray[np.float32], opset: int = OPSETS[-1]) -> list[Array]:
    """Return what ONNX Runtime computes for each form, all of them in one model.

    A function of two inputs gets as y the points of x in another order.
    """
    runtime = need_extra("onnxruntime", "export")
    made = [
        node.renamed({inner.output: f"f{index}_{inner.output}" for inner in nodes})
        for index, (_, nodes) in enumerate(forms)
        for node in nodes
    ]
    outputs = [f"f{index}_{RESULT}" for index in range(len(forms))]
    model = model_of(made, ("x", "y"), outputs, "forms", opset)
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = runtime.InferenceSession(model.SerializeToString(), options)
    return list(session.run(outputs, {"x": x, "y": second(x)}))


def second(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the second input: the points in an order that brings all sizes together."""
    return np.roll(x[::-1], len(x) // 3)


def error_of(formula: Formula, x: npt.NDArray[Any], found: npt.NDArray[Any]) -> Array:
    """Return |found - f| / (max(1, |x|) max(1, |f'|)) at every point.

    This is the error in units of what a change of the input does, its slope taken as 1 at least:
    an error of 1e-7 here is what rounding x to float32 may cost as well.
    """
    inputs = [x.astype(np.float64), second(x).astype(np.float64)][: len(formula.inputs)]
    slopes = [
        numpy_backend.run(numpy_backend.compiled(derivative(formula.root, name), formula.inputs),
                          *inputs)
        for name in formula.inputs
    ]  # fmt: skip
    size = np.maximum(1, np.max(np.abs(inputs), axis=0))
    slope = np.maximum(1, np.nan_to_num(np.sum(np.abs(slopes), axis=0)))
    return np.asarray(np.abs(found - formula(*inputs)) / (size * slope))
