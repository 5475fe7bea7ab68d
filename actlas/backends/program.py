"""The CPU engine's language: an expression as steps over registers, with tables for the dear parts.

A sub-expression of the first input alone becomes one table as soon as that is cheaper than its
steps; everything else is arithmetic, and a table for each dear primitive. Nothing here asks which
function it is: costs and fits decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from actlas.backends import numpy as numpy_backend
from actlas.backends.expansions import DEAR, PARTS, expanded
from actlas.backends.pieces import Pieces, fitted
from actlas.backends.polynomials import NotPieces
from actlas.backends.tabulate import REACH, NotTabular, Table, tabulate
from actlas.backends.tape import Tape, record
from actlas.expr import Expr, symbol, symbols, walk
from actlas.expr.node import constant_value, intern, make

# In the order of the engine's enumeration (kernels/cpu/engine.h), with the cost of each: roughly
# the cycles for eight numbers, beside those of a table.
COSTS: dict[str, int] = {
    "add": 1, "sub": 1, "mul": 1, "div": 3, "neg": 1, "abs": 1, "min": 1, "max": 1, "sqrt": 4,
    "sign": 2, "lt": 1, "le": 1, "gt": 1, "ge": 1, "where": 1, "where_lt": 1, "where_le": 1,
    "where_gt": 1, "where_ge": 1, "damp": 2, "nan_like": 1,
    "clip_low": 1, "clip_high": 1, "at_low": 1, "at_high": 1, "log": 12, "wave": 10, "table": 9,
    "near": 1, "beyond": 1, "pieces": 4,
}  # fmt: skip
OPERATIONS = {name: number for number, name in enumerate(COSTS)}
MOST_REGISTERS, MOST_OPERANDS = 64, 64  # as in engine.h
DEEPEST = 2  # operations between a root and a sub-expression that may have a table of its own
X = symbol("x")


class Unsupported(Exception):  # noqa: N818
    """The engine cannot run this; the message says why, and the composition runs instead."""


Step = tuple[int, int, int, int, int, int]  # operation, result, four arguments


@dataclass(frozen=True)
class Program:
    """Registers: the inputs, then `constants`, then temporaries; `outputs` are read at the end."""

    inputs: tuple[str, ...]
    outputs: tuple[int, ...]
    constants: tuple[float, ...]
    steps: tuple[Step, ...]
    tables: tuple[Table, ...]
    pieces: tuple[Pieces, ...]
    registers: int

    def packed(self) -> tuple[Any, ...]:
        """Return the arguments with which the engine makes this program."""
        arrays = ((self.outputs, np.int32), (self.constants, np.float32), (self.steps, np.int32))
        packed = (np.array(values, kind).tobytes() for values, kind in arrays)
        tables = tuple(table.packed() for table in self.tables)
        pieces = tuple(piece.packed() for piece in self.pieces)
        return len(self.inputs), self.registers, *packed, tables, pieces

    @property
    def path(self) -> str:
        """What kind of program this is, in words."""
        names = [list(OPERATIONS)[step[0]] for step in self.steps]
        if "near" in names:
            return "table near 0, steps beyond"
        for kind in ("table", "pieces"):
            if set(names) <= {kind, "mul"} and kind in names:
                return kind
        return "steps"


# ---------------------------------------------------------------- tables

_tables: list[Table] = []
_pieces: list[Pieces] = []


@cache
def _pieces_of(node: Expr, *, whole: bool) -> int:
    """Return the number of the polynomials of an expression in x, or -1 where steps are cheaper."""
    if symbols(node) != {"x"} or node.op in _COMPARISONS:
        return -1
    try:
        found = fitted(node, whole=whole)
    except NotPieces:
        return -1
    if found.cost > _cost(node) - (not whole):
        return -1
    _pieces.append(found)
    return len(_pieces) - 1


@cache
def _table_of(node: Expr, *, near: bool = False) -> int:
    """Return the number of the table of an expression in x, or -1 where it does not fit.

    With `near` the table is right for |x| < REACH only.
    """
    if node.op in PARTS:
        order = () if node.value is None else (node.value,)
        function: Callable[..., np.ndarray] = partial(PARTS[node.op], *order)
    else:
        tape = record(node, ("x",), numpy_backend.FUNCTIONS, "numpy")
        function = partial(_within_reach if near else numpy_backend.run, tape)
    try:
        _tables.append(tabulate(function))
    except NotTabular:
        return -1
    return len(_tables) - 1


def table_number(table: Table) -> int:
    """Return the number under which an expression names a table: intern("table", (u,), number)."""
    _tables.append(table)
    return len(_tables) - 1


def torch_tape(root: Expr, inputs: tuple[str, ...]) -> Tape:
    """Return the tape of an expression over tables, for tensors that the engine does not serve."""
    from actlas.backends.torch import FUNCTIONS, look_up

    return record(
        root, inputs, {**FUNCTIONS, "table": lambda n, u: look_up(_tables[n], u)}, "torch"
    )


def _within_reach(tape: Tape, x: np.ndarray) -> np.ndarray:
    return numpy_backend.run(tape, np.clip(x, -REACH, REACH))


def _cost(root: Expr) -> int:
    """Return the cost of a table of nothing but the dear primitives in it, and of its steps."""
    seen: set[Expr] = set()
    todo, total = [root], 0
    while todo:
        node = expanded(todo.pop())
        if node in seen or node.op in ("const", "symbol"):
            continue
        seen.add(node)
        total += COSTS.get(node.op, COSTS["table"])
        todo += node.args
    return total


@cache
def _ready(node: Expr, depth: int = 0) -> Expr:
    """Replace what is dear by tables: whole sub-expressions of x first, else primitives."""
    number = _pieces_of(node, whole=depth == 0) if depth <= DEEPEST else -1
    if number >= 0:
        return intern("pieces", (X,), number)
    number = _table_of(node) if depth <= DEEPEST and _wants_table(node) else -1
    if number >= 0:
        return intern("table", (X,), number)
    simpler = expanded(node)
    if simpler is not node:
        return _ready(simpler, depth)
    deeper = min(depth + 1, DEEPEST + 1)
    arguments = tuple(_ready(child, deeper) for child in node.args)
    if node.op not in DEAR:
        return intern(node.op, arguments, node.value)
    number = _table_of(intern(node.op, (X,), node.value))
    if number < 0:
        raise Unsupported(f"{node.op} has no table")
    return intern("table", arguments, number)


@cache
def _chosen(node: Expr) -> Expr:
    """Return the node with every choice by a comparison as one operation of four arguments."""
    arguments = tuple(map(_chosen, node.args))
    if node.op == "where" and f"where_{arguments[0].op}" in OPERATIONS:
        first, *rest = arguments
        return intern(f"where_{first.op}", (*first.args, *rest))
    return intern(node.op, arguments, node.value)


def _multiplied(roots: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """Return the roots with every product of a table that nothing else reads as one operation."""
    uses = Counter(child for node in walk(*roots) for child in node.args) + Counter(roots)

    @cache
    def change(node: Expr) -> Expr:
        for factor, table in (node.args, node.args[::-1]) if node.op == "mul" else ():
            if table.op in _MULTIPLY and len(table.args) == 1 and uses[table] == 1:
                return _times(change(factor), change(table))
        return intern(node.op, tuple(map(change, node.args)), node.value)

    return tuple(map(change, roots))


def _with_near_table(root: Expr) -> Expr:
    """Return the engine's form of a root; one that fits near 0 only has a table for there.

    A wave is such a function. Blocks whose inputs are all below REACH skip the exact steps.
    """
    ready = _ready(root)
    number = _table_of(root, near=True) if ready.args != (X,) and _wants_table(root) else -1
    if number < 0:
        return ready
    return intern("beyond", (intern("table", (X,), number), ready, X))


def _wants_table(node: Expr) -> bool:
    evaluated = all(n.op in numpy_backend.FUNCTIONS for n in walk(node) if n.args)
    return evaluated and symbols(node) == {"x"} and node.op not in _COMPARISONS and (
        _cost(node) > COSTS["table"])  # fmt: skip


_COMPARISONS = frozenset({"lt", "le", "gt", "ge", "at_low", "at_high"})

# ---------------------------------------------------------------- steps


@cache
def program(roots: tuple[Expr, ...], inputs: tuple[str, ...], factor: str = "") -> Program:
    """Return the program of lowered expressions over `inputs`, one output for each root.

    With `factor`, the name of an input, every root is multiplied by it: the chain rule.

    Raises:
        Unsupported: where a primitive has no form in the engine, or registers run out.
    """
    ready = tuple(map(_with_near_table, roots))
    if any(root.op != "beyond" for root in ready):  # what is skipped must be of no use elsewhere
        ready = tuple(map(_ready, roots))
    if factor:
        ready = tuple(_times(symbol(factor), root) for root in ready)
    ready = _multiplied(tuple(map(_chosen, ready)))
    nodes = list(walk(*ready))
    constants = [node for node in nodes if node.op == "const"]
    calls = [node for node in nodes if node.op not in ("const", "symbol")]
    for node in calls:
        if node.op not in OPERATIONS:
            raise Unsupported(f"the engine has no operation for {node.op}")
    fixed = {node: len(inputs) + index for index, node in enumerate(constants)}
    fixed |= {n: inputs.index(str(n.value)) for n in nodes if n.op == "symbol"}
    place, registers = _allocate(calls, ready, fixed, len(inputs) + len(constants))
    if registers > MOST_REGISTERS:
        raise Unsupported(f"it needs {registers} registers, there are {MOST_REGISTERS}")
    if len(inputs) + len(ready) > MOST_OPERANDS:
        raise Unsupported(
            f"it has {len(inputs) + len(ready)} inputs and outputs; at most {MOST_OPERANDS}"
        )
    values = tuple(float(constant_value(node) or 0) for node in constants)
    outputs = tuple(place[root] for root in ready)
    tables = tuple(_tables[number] for number in _numbers(calls, "table"))
    pieces = tuple(_pieces[number] for number in _numbers(calls, "pieces"))
    return Program(inputs, outputs, values, _steps(calls, place), tables, pieces, registers)


def _times(factor: Expr, root: Expr) -> Expr:
    """Return their product, in one operation where there is one."""
    if root.op in _MULTIPLY and len(root.args) == 1:
        return intern(root.op, (*root.args, factor), root.value)
    return make("mul", factor, root)


_MULTIPLY = ("table", "pieces")  # they multiply while the value is in registers


def _numbers(calls: list[Expr], op: str) -> list[int]:
    return sorted({int(str(node.value)) for node in calls if node.op == op})


def _steps(calls: list[Expr], place: dict[Expr, int]) -> tuple[Step, ...]:
    """Return the steps in order; before the far part of a function, the jump over it.

    And over the choice, which the jump has made: where it is made of masked loads, those of a part
    that was never computed, in memory that was never touched, take hundreds of cycles each.
    """
    steps: list[Step] = []
    begin: dict[Expr, int] = {}
    numbers = {op: _numbers(calls, op) for op in ("table", "pieces")}
    for node in calls:
        arguments = [place[child] for child in node.args]
        if node.op == "beyond":
            table, _, x = arguments
            at = begin[node.args[0]]
            steps.insert(at, (OPERATIONS["near"], place[node], table, x, len(steps) + 2 - at, 0))
        steps.append((OPERATIONS[node.op], place[node], *_operands(node, arguments, numbers)))
        begin[node] = len(steps)
    return tuple(steps)


def _operands(
    node: Expr, arguments: list[int], numbers: dict[str, list[int]]
) -> tuple[int, int, int, int]:
    if node.op in numbers:
        number = numbers[node.op].index(int(str(node.value)))
        return arguments[0], arguments[-1], number, len(arguments) - 1
    if len(arguments) == 1:
        return arguments[0], 0, int(node.value or 0), 0
    a, b, c, d = (*arguments, 0, 0)[:4]
    return a, b, c, d


def _allocate(
    calls: Sequence[Expr], outputs: tuple[Expr, ...], fixed: dict[Expr, int], first: int
) -> tuple[dict[Expr, int], int]:
    """Give every call a register; one is free again after its last use, those of outputs never.

    A result never shares the register of an argument, nor an output one of an earlier value: the
    engine writes outputs straight into memory that may be that of an input.
    """
    place, free, top = dict(fixed), [], first  # type: ignore[var-annotated]
    last = {child: node for node in calls for child in node.args}
    for node in calls:
        if free and node not in outputs:
            place[node] = free.pop()
        else:
            place[node], top = top, top + 1
        spent = {c for c in node.args if last[c] is node and c not in fixed and c not in outputs}
        free += [place[child] for child in spent]
    return place, top
