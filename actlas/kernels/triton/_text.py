"""The launch skeletons: the source of a kernel around printed functions, with no maths of its own.

A kernel is text made from what a call needs: which operands are numbers, or read once, once a
row, once a column or everywhere; how many loops there are; which gradients are wanted. No name
that somebody typed gets into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from actlas.backends.printer import print_function
from actlas.backends.triton import TRITON
from actlas.expr import Expr, derivative, substitute, symbol

Kernel = tuple[Expr, tuple[str, ...], tuple[float, ...]]  # an expression, its inputs, usual values


@dataclass(frozen=True)
class Spec:
    """All that the source of a kernel depends on; it is a forward pass if nothing is `wanted`.

    Args:
        kernel: an expression, its inputs, and typical values of inputs[1:] or nothing.
        kinds: of every input: "number", "scalar", "rows", "columns" or "full".
        loops: how many there are, one inside the other.
        wanted: the numbers of the inputs whose gradients are computed.
        pairs: tensors of which one has the even and one the odd places of the same memory.
    """

    kernel: Kernel
    kinds: tuple[str, ...]
    loops: int
    wanted: tuple[int, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The inputs as the kernel calls them: x, y, p1, p2, ..."""
        return tuple(n if n in ("x", "y") else f"p{i}" for i, n in enumerate(self.kernel[1]))

    @cached_property
    def root(self) -> Expr:
        """The expression in those names."""
        pairs = zip(self.kernel[1], self.names, strict=True)
        return substitute(self.kernel[0], {symbol(old): symbol(new) for old, new in pairs})

    @cached_property
    def summed(self) -> list[str]:
        """The inputs whose gradients a program adds up over all its steps."""
        return [self.names[i] for i in self.wanted if self.kinds[i] in ("scalar", "columns")]

    @property
    def steps(self) -> bool:
        """Say whether a program adds up rows, and so takes many of them in turn."""
        return self.loops > 1 and bool(self.summed)

    def printed(self, root: Expr, name: str) -> str:
        """Return an expression as a function of all inputs."""
        return print_function(TRITON, root, self.names, name, self.kernel[2])


def source(spec: Spec) -> str:
    """Return the module whose function `kernel` runs the spec."""
    return TRITON.runtime + (_backward(spec) if spec.wanted else _forward(spec))


def _forward(spec: Spec) -> str:
    call = f"value({', '.join(spec.names)})"
    lines = [f"result = {call}", _store("out", "result", spec.loops)]
    return spec.printed(spec.root, "value") + _kernel(spec, _slots("out", spec.loops), lines, [])


def _backward(spec: Spec) -> str:
    names = [spec.names[i] for i in spec.wanted]
    printed = [spec.printed(derivative(spec.root, name), f"slope_{name}") for name in names]
    found = [f"to_{name} = grad * slope_{name}({', '.join(spec.names)})" for name in names]
    kept = [_gradient(spec, i) for i in spec.wanted if f"to_{spec.names[i]}" not in _halves(spec)]
    stores = [_store_pair(spec, *pair) for pair in spec.pairs if pair[0] not in spec.names]
    lines = [_load("grad", "full", spec.loops), *found, *(step for step, _ in kept), *stores]
    slots = [
        *_slots("grad", spec.loops),
        *(slot for i in spec.wanted for slot in _targets(spec, i)),
    ]
    return "".join(printed) + _kernel(spec, slots, lines, [end for _, end in kept if end])


def _gradient(spec: Spec, index: int) -> tuple[str, str]:
    """Return what becomes of a gradient in every step, and of its sum at the end."""
    kind, name = spec.kinds[index], spec.names[index]
    found, total, at = f"to_{name}", f"sum_{name}", f"to_{name}_at"
    if kind == "full":
        return _store(found, found, spec.loops), ""
    inside = f"tl.where(inside, {found}, 0.0)"
    if kind == "rows":
        row_sum = f"tl.sum({inside}, axis=1, keep_dims=True)"
        return f"tl.store({at} + (tile * rows + row), {row_sum}, mask=row < rows)", ""
    if kind == "scalar":
        whole = f"tl.sum(tl.sum({total}, axis=1), axis=0)"
        return f"{total} += {inside}", f"tl.store({at} + program.to(tl.int64), {whole})"
    column_sum = f"tl.sum({total}, axis=0, keep_dims=True)"
    place = f"{at} + (chunk * columns + column)"
    return f"{total} += {inside}", f"tl.store({place}, {column_sum}, mask=column < columns)"


# ---------------------------------------------------------------- the frame


def _kernel(spec: Spec, results: list[str], lines: list[str], ends: list[str]) -> str:
    """Return the kernel: where this program stands, the inputs, then `lines`, perhaps in turn."""
    named = list(zip(spec.names, spec.kinds, strict=True))
    inputs = [slot for name, kind in named
              for slot in ([name] if kind == "number" else _slots(name, spec.loops))]  # fmt: skip
    arguments = [
        *inputs,
        *results,
        *(f"size_{k}" for k in range(1, spec.loops - 1)),
        "rows",
        "columns",
        "across",
        "steps",
        "ROWS: tl.constexpr",
        "COLUMNS: tl.constexpr",
    ]
    numbers = [f"{name} = tl.cast({name}, tl.float32)" for name, kind in named if kind == "number"]
    sums = [f"sum_{name} = tl.zeros((ROWS, COLUMNS), tl.float32)" for name in spec.summed]
    alone = [(n, kind) for n, kind in named if kind != "number" and n not in _halves(spec)]
    loads = [_load(name, kind, spec.loops) for name, kind in alone]
    loads += [_load_pair(spec, *pair) for pair in spec.pairs if pair[0] in spec.names]
    body = [*_place(spec), *loads, *lines]
    if spec.steps:
        body = ["for step in range(0, steps):", *(f"    {line}" for line in body)]
    text = "".join(f"    {line}\n" for line in [*_stand(spec), *numbers, *sums, *body, *ends])
    return f"@triton.jit\ndef kernel({', '.join(arguments)}):\n{text}"


def _slots(name: str, loops: int) -> list[str]:
    return [f"{name}_at", *(f"{name}_{k}" for k in range(loops))]


def _targets(spec: Spec, index: int) -> list[str]:
    name = f"to_{spec.names[index]}"
    return _slots(name, spec.loops) if spec.kinds[index] == "full" else [f"{name}_at"]


def _stand(spec: Spec) -> list[str]:
    """Return the lines that find a program's tile; numbers of elements have 64 bits.

    The division is one of 32 bits, which takes a fifth of the instructions; one loop needs none.
    """
    chunk, tile = ("program // across", "program % across") if spec.loops > 1 else ("0", "program")
    lines = ["program = tl.program_id(0)", f"tile = tl.cast({tile}, tl.int64)",
             f"chunk = tl.cast({chunk}, tl.int64)",
             "column = tile * COLUMNS + tl.arange(0, COLUMNS)[None, :]"]  # fmt: skip
    place = "place = tile * (2 * COLUMNS) + tl.arange(0, 2 * COLUMNS)[None, :]"
    return [*lines, place] if spec.pairs else lines


def _place(spec: Spec) -> list[str]:
    """Return the lines that find the elements of one step: i_k is the count of loop k."""
    if spec.loops == 1:
        return ["inside = column < columns"]
    number = "(chunk * steps + step)" if spec.steps else "chunk"
    lines = [f"row = {number} * ROWS + tl.arange(0, ROWS)[:, None]", "rest = row.to(tl.int32)"]
    for k in range(spec.loops - 2, 0, -1):
        lines += [f"i_{k} = (rest % size_{k}).to(tl.int64)", f"rest = rest // size_{k}"]
    return [*lines, "i_0 = rest.to(tl.int64)", "inside = (row < rows) & (column < columns)"]


def _offset(name: str, kind: str, loops: int) -> tuple[str, str]:
    """Return the offset of a tensor in this step, and the mask that goes with it."""
    down = [f"i_{k} * {name}_{k}" for k in range(loops - 1)]
    across = [f"column * {name}_{loops - 1}"]
    terms = {"full": [*down, *across], "rows": down, "columns": across}[kind]
    masks = {"full": "inside", "rows": "row < rows", "columns": "column < columns"}
    return f"({' + '.join(terms)})", masks[kind]


def _load(name: str, kind: str, loops: int) -> str:
    if kind == "scalar":
        return f"{name} = tl.load({name}_at).to(tl.float32)"
    offset, mask = _offset(name, kind, loops)
    return f"{name} = tl.load({name}_at + {offset}, mask={mask}, other=0.0).to(tl.float32)"


def _store(name: str, value: str, loops: int) -> str:
    offset, mask = _offset(name, "full", loops)
    return f"tl.store({name}_at + {offset}, {value}, mask={mask})"


# ---------------------------------------------------------------- places in turn


def _halves(spec: Spec) -> set[str]:
    return {name for pair in spec.pairs for name in pair}


def _both(spec: Spec, even: str) -> tuple[str, str]:
    """Return the offset of the places of two tensors that lie in turn, and their mask."""
    down = [f"i_{k} * {even}_{k}" for k in range(spec.loops - 1)]
    inside = "place < 2 * columns"
    return (f"({' + '.join([*down, 'place'])})",
            f"(row < rows) & ({inside})" if spec.loops > 1 else inside)  # fmt: skip


def _load_pair(spec: Spec, even: str, odd: str) -> str:
    """Read 16 bytes at once, where a stride of 2 would have a thread read element by element."""
    offset, mask = _both(spec, even)
    both = f"tl.load({even}_at + {offset}, mask={mask}, other=0.0).to(tl.float32)"
    return f"{even}, {odd} = tl.split(tl.reshape({both}, (ROWS, COLUMNS, 2)))"


def _store_pair(spec: Spec, even: str, odd: str) -> str:
    offset, mask = _both(spec, even)
    both = f"tl.reshape(tl.join({even}, {odd}), (ROWS, 2 * COLUMNS))"
    return f"tl.store({even}_at + {offset}, {both}, mask={mask})"
