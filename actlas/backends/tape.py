"""A lowered expression as a list of calls: how the Python-hosted backends run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from actlas.errors import ActlasError
from actlas.expr import Expr, walk
from actlas.expr.node import constant_value

Step = tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Tape:
    """Steps over numbered slots: the inputs first, then the constants, then one per step."""

    inputs: tuple[str, ...]
    constants: tuple[float, ...]
    steps: tuple[Step, ...]
    result: int

    def __call__(self, *values: Any) -> Any:
        """Return the value for the inputs in order; a slot is freed after its last use."""
        slots: list[Any] = [*values, *self.constants]
        for function, arguments, spent in self.steps:
            slots.append(function(*[slots[index] for index in arguments]))
            for index in spent:
                slots[index] = None
        return slots[self.result]


def record(
    root: Expr, inputs: Sequence[str], functions: Mapping[str, Callable[..., Any]], language: str
) -> Tape:
    """Return the tape of a lowered expression; a primitive the language lacks is named."""
    nodes = list(walk(root))
    constants = [node for node in nodes if node.op == "const"]
    calls = [node for node in nodes if node.op not in ("const", "symbol")]
    order = [*(node for node in nodes if node.op == "symbol"), *constants]
    slot = {node: len(inputs) + index for index, node in enumerate(constants)}
    slot |= {n: inputs.index(str(n.value)) for n in order if n.op == "symbol"}
    slot |= {node: len(inputs) + len(constants) + index for index, node in enumerate(calls)}
    last = {child: node for node in calls for child in node.args}
    steps = tuple(
        (
            _function(node, functions, language),
            tuple(slot[child] for child in node.args),
            tuple(slot[c] for c in dict.fromkeys(node.args) if last[c] is node and c is not root),
        )
        for node in calls
    )
    values = tuple(float(constant_value(node) or 0) for node in constants)
    return Tape(tuple(inputs), values, steps, slot[root])


def _function(
    node: Expr, functions: Mapping[str, Callable[..., Any]], language: str
) -> Callable[..., Any]:
    if node.op not in functions:
        raise ActlasError(f"the {language} backend has no primitive {node.op!r}")
    function = functions[node.op]
    return function if node.value is None else partial(function, node.value)
